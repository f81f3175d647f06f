"""The MCP client of `demo`: records tasks with a real server, then searches among them."""

import re
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from mcp_learning.cli.progress import ShowCount
from mcp_learning.errors import LearningError
from mcp_learning.models.requests import FindSimilarTasks, RecommendApproach, RecordExecution
from mcp_learning.models.results import Recorded, SimilarTasks
from mcp_learning.server import sandbox

_CALL_SECONDS = 60  # longest wait for an answer: the first one waits for the model
UNRELATED = "bake sourdough bread at home"

SAMPLE_QUESTIONS = (
    (
        "done before, in other words",
        "customers get the same notification email a second time",
        "mail: reminder emails",
    ),
    (
        "failed before, in other words",
        "keep recent searches in memory so the catalog answers faster",
        "catalog: cache the search results",
    ),
)
"""Questions about tasks of the sample: how the task ended, the question, its text's beginning."""

RUNS_QUESTION = "a flaky test of the overdue notices"
"""A question about the tasks of `RUNS`, in other words."""

_OVERDUE = "the test of the overdue notices fails now and then on the build server"
_WAITING = "the test of the waiting list passes on some runs and fails on others"
_CLOCK = "The test read the real clock. It gets a fixed one now, and has not failed since."
_ORDER = "expected the notice of item 7 first, found that of item 12"


def _run(
    task: str, approach: str, seconds: int, solution: str = "", error: str = ""
) -> RecordExecution:
    return RecordExecution(
        task_type="test",
        task_description=task,
        approach=approach,
        outcome="failure" if error else "success",
        solution_summary=solution or None,
        duration_seconds=seconds,
        repo="lending-desk",
        error_type="quality_gate" if error else None,
        error_message=error or None,
    )


RUNS = (
    _run(_OVERDUE, "retry until it passes", 240, error=_ORDER),
    _run(_WAITING, "retry until it passes", 300, error="timed out after 30 s"),
    _run(_OVERDUE, "retry until it passes", 180, error=_ORDER),
    _run(_OVERDUE, "inject a fake clock", 900, _CLOCK),
    _run(_WAITING, "inject a fake clock", 1_100, _CLOCK),
    _run(_WAITING, "inject a fake clock", 780, _CLOCK),
)
"""Runs of agents on tasks of the sample, in order: one kind of task, tried in two ways."""

# Longer than the server's QUIET, since it embeds when no call has come for that long.
_POLL_SECONDS = 0.5
_SEARCH_LIMIT = 3
_KEYWORDS = 5
_FILLERS = re.compile(r"an?|and|are|as|at|be|by|for|from|in|into|is|it|of|on|or|that|the|to|with")


@dataclass(frozen=True)
class Question:
    """A search, and the task that it should find first; None: no particular one."""

    about: str
    text: str
    expected: RecordExecution | None = None


@dataclass(frozen=True)
class Answer:
    """The answer to a question.

    Attributes:
        milliseconds: Duration of the call, as the client measured it.
        advice: Text of a recommendation for the same task; empty without enough evidence.
    """

    question: Question
    found: SimilarTasks
    milliseconds: float
    advice: str = ""

    @property
    def rank(self) -> int | None:
        """Rank of the expected task among the matches, from 1; None if it isn't among them."""
        expected = self.question.expected.task_id if self.question.expected else None
        ids = [match.task_id for match in self.found.matches]
        return ids.index(expected) + 1 if expected in ids else None


@dataclass(frozen=True)
class Recording:
    """How long recording took, in milliseconds as the client measured them.

    Attributes:
        start_ms: From starting the process to the end of the handshake.
        record_ms: One duration per task, each until the answer that it is durable.
        ready_ms: From the last record until every task was embedded, loading the model included.
        redactions: Secrets that were removed from what was recorded.
    """

    start_ms: float
    record_ms: list[float]
    ready_ms: float
    redactions: int

    @property
    def record_p50_ms(self) -> float:
        """Median time to record a task."""
        return statistics.median(self.record_ms)


def questions(tasks: Sequence[RecordExecution], *, sample: bool = False) -> list[Question]:
    """Questions about a task that succeeded, one that failed, and something unrelated.

    Without a failure the second is about another success, if there is one. For the sample there are
    questions that a person wrote, with one about a task that was tried in two ways. There has to be
    a task; they are given in the order in which they were done.
    """
    if sample:
        written = [
            Question(about, text, one)
            for about, text, beginning in SAMPLE_QUESTIONS
            for one in tasks
            if one.task_description.startswith(beginning)
        ]
        if len(written) == len(SAMPLE_QUESTIONS):  # not with a small --limit
            tried = Question("tried in two ways", RUNS_QUESTION)
            return [*written, tried, Question("unrelated", UNRELATED)]
    done = [task for task in tasks if task.outcome != "failure"]
    failed = [task for task in tasks if task.outcome == "failure"]
    asked = [_question("done", done)] if done else []
    if failed:
        asked.append(_question("failed", failed))
    elif len(done) > 1:
        rest = [task for task in done if task is not asked[0].expected]
        asked.append(_question("done", rest[len(rest) // 2 :]))
    return [*asked, Question("unrelated", UNRELATED)]


def _question(ended: str, tasks: Sequence[RecordExecution]) -> Question:
    """A question about one of the tasks: the first from the middle on with 5 to 14 words."""
    middle = len(tasks) // 2
    ordered = [*tasks[middle:], *tasks[:middle]]
    task = next((one for one in ordered if 5 <= len(_subject(one).split()) <= 14), ordered[0])
    return Question(f"{ended} before, by some of its words", keywords(_subject(task)), task)


def _subject(task: RecordExecution) -> str:
    return task.task_description.partition("\n")[0]


def keywords(text: str) -> str:
    """The first words of a text, without function words, as people type them into a search."""
    words = re.findall(r"[\w.'/-]*\w", text)
    telling = [word for word in words if not _FILLERS.fullmatch(word.lower())]
    return " ".join(telling[:_KEYWORDS]) or text


class DemoClient:
    """A client of a server that took `start_ms` milliseconds to start.

    Every method raises `LearningError` if the server refuses a call.
    """

    def __init__(self, client: Client, start_ms: float) -> None:
        self._client = client
        self._start_ms = start_ms

    async def record(self, tasks: Sequence[RecordExecution], progress: ShowCount) -> Recording:
        """Records at least one task, and waits for all to be embedded."""
        record_ms, redactions = [], 0
        for number, task in enumerate(tasks, 1):
            sent = time.perf_counter()
            answer = await self._call("record_execution", task)
            record_ms.append(_since(sent))
            redactions += Recorded.model_validate(answer.structured_content).redactions
            progress("recording", number, len(tasks))
        sent = time.perf_counter()
        await self._until_embedded(progress)
        return Recording(self._start_ms, record_ms, _since(sent), redactions)

    async def ask(self, question: Question) -> Answer:
        """Searches, and asks for a recommendation if something was found."""
        request = FindSimilarTasks(task_description=question.text, limit=_SEARCH_LIMIT)
        sent = time.perf_counter()
        found = await self._call("find_similar_tasks", request)
        milliseconds = _since(sent)
        similar = SimilarTasks.model_validate(found.structured_content)
        if not similar.matches:
            return Answer(question, similar, milliseconds)
        task = RecommendApproach(task_description=question.text)
        advised = await self._call("recommend_approach", task)
        is_known = advised.structured_content["verdict"] == "evidence"
        return Answer(question, similar, milliseconds, _text(advised) if is_known else "")

    async def _until_embedded(self, progress: ShowCount) -> None:
        # A search makes the server load the model and embed the queue, unless that is long.
        await self._call("find_similar_tasks", FindSimilarTasks(task_description=UNRELATED))
        while True:
            health = (await self._call("learning_stats")).structured_content["health"]
            progress("embedding", health["embedded"], health["rows"])
            if not health["pending"]:
                return
            if problem := health.get("problem"):
                raise LearningError(problem)
            await anyio.sleep(_POLL_SECONDS)

    async def _call(self, tool: str, request: BaseModel | None = None) -> Any:
        arguments = request.model_dump(mode="json", exclude_unset=True) if request else {}
        result = await self._client.call_tool(tool, arguments)
        if result.is_error:
            raise LearningError(f"{tool} failed: {_text(result)}")
        return result


@asynccontextmanager
async def connected(data_dir: Path, log: TextIO) -> AsyncIterator[DemoClient]:
    """A client of a server on `data_dir`, which ends with the block; `log` gets its stderr.

    Raises:
        LearningError: The server didn't start, didn't answer, or refused a call.
    """
    begin = time.perf_counter()
    command, *arguments = sandbox.COMMAND
    environment = sandbox.environment(data_dir)
    parameters = StdioServerParameters(command=command, args=arguments, env=environment)
    try:
        transport = stdio_client(parameters, errlog=log)
        async with Client(transport, read_timeout_seconds=_CALL_SECONDS) as client:
            yield DemoClient(client, _since(begin))
    except (MCPError, OSError, LearningError, ExceptionGroup) as error:
        raise _explain(error) from error


def _text(result: Any) -> str:
    return " ".join(getattr(part, "text", "") for part in result.content)


def _since(begin: float) -> float:
    return 1000 * (time.perf_counter() - begin)


def _explain(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):  # from the transport's task group
        error = error.exceptions[0]
    if not isinstance(error, (MCPError, OSError)):
        return error
    return LearningError(
        f"the server gave no answer ({error}); `mcp-learning doctor` finds out why"
    )
