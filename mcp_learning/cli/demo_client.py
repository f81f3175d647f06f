"""The MCP client of `demo`, which records tasks with a real server, then searches among them."""

import re
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import anyio
import anyio.to_thread
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel

from mcp_learning.cli import demo_runs
from mcp_learning.cli.progress import ShowCount
from mcp_learning.errors import LearningError
from mcp_learning.models.requests import FindSimilarTasks, RecommendApproach, RecordExecution
from mcp_learning.models.results import Recorded, SimilarTasks
from mcp_learning.server import sandbox

CALL_SECONDS = 60
"""Longest wait for one answer. The first search waits for the model, a second or two."""

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
"""Of the sample's tasks: what became of one, a question in other words, and how it begins."""

# Longer than the server's QUIET, or it would keep waiting for the client to be still.
_POLL_SECONDS = 0.5
_SEARCH_LIMIT = 3
_KEYWORDS = 5
_FILLERS = re.compile(r"an?|and|are|as|at|be|by|for|from|in|into|is|it|of|on|or|that|the|to|with")


@dataclass(frozen=True)
class Question:
    """A search, and the task that it should find first; None: it is about none in particular."""

    about: str
    text: str
    expected: RecordExecution | None


@dataclass(frozen=True)
class Answer:
    """A question, what was found, and how many milliseconds that took the client.

    `advice` is the text of a recommendation for the same task; empty if too little is known.
    """

    question: Question
    found: SimilarTasks
    milliseconds: float
    advice: str = ""

    @property
    def rank(self) -> int | None:
        """Place of the expected task among the matches, from 1; None when it isn't there."""
        expected = self.question.expected
        for rank, match in enumerate(self.found.matches, 1):
            if expected is not None and match.task_id == expected.task_id:
                return rank
        return None


@dataclass(frozen=True)
class DemoResult:
    """What happened, with times as the client saw them.

    Attributes:
        start_ms: From starting the process to the end of the handshake.
        record_ms: One duration per recorded task, each until the answer that it is durable.
        ready_ms: From the last record until every task was embedded, loading the model included.
        redactions: Secrets that were removed from what was recorded.
        answers: One per question.
    """

    start_ms: float
    record_ms: list[float]
    ready_ms: float
    redactions: int
    answers: list[Answer]

    @property
    def record_p50_ms(self) -> float:
        """Median time to record a task."""
        return statistics.median(self.record_ms)


class Viewer(Protocol):
    """Who watches the demo."""

    def progress(self) -> AbstractContextManager[ShowCount]:
        """Shows how far recording and embedding are."""

    def show(self, result: DemoResult) -> None:
        """Shows what was recorded, and the answers."""

    def ask(self) -> str:
        """Returns what the viewer wants to ask, "" for nothing more; blocks."""

    def answer(self, answer: Answer) -> None:
        """Shows the answer to what the viewer asked."""


def questions(tasks: Sequence[RecordExecution], *, sample: bool = False) -> list[Question]:
    """Searches: for a task that was done, for one that failed, and for nothing recorded.

    Without a failure the second is for another task that was done, if there is one.

    Args:
        tasks: In the order in which they were done; at least one.
        sample: Whether they are the sample's, for which there are questions that a person wrote,
            with one about a task that was tried in two ways.
    """
    if sample:
        written = [
            Question(about, text, one)
            for about, text, beginning in SAMPLE_QUESTIONS
            for one in tasks
            if one.task_description.startswith(beginning)
        ]
        if len(written) == len(SAMPLE_QUESTIONS):  # not if the latest commits alone were wanted
            tried = Question("tried in two ways", demo_runs.QUESTION, None)
            return [*written, tried, Question("unrelated", UNRELATED, None)]
    done = [task for task in tasks if task.outcome != "failure"]
    failed = [task for task in tasks if task.outcome == "failure"]
    asked = [Question("done before, by some of its words", *_ask_for(done))] if done else []
    if failed:
        asked.append(Question("failed before, by some of its words", *_ask_for(failed)))
    elif len(done) > 1:
        rest = [task for task in done if task is not asked[0].expected]
        asked.append(
            Question("done before, by some of its words", *_ask_for(rest[len(rest) // 2 :]))
        )
    return [*asked, Question("unrelated", UNRELATED, None)]


def _ask_for(tasks: Sequence[RecordExecution]) -> tuple[str, RecordExecution]:
    """A question about one of the tasks, and that task: from the middle on, with enough words."""
    middle = len(tasks) // 2
    ordered = [*tasks[middle:], *tasks[:middle]]
    task = next((one for one in ordered if 5 <= len(_subject(one).split()) <= 14), ordered[0])
    return keywords(_subject(task)), task


def keywords(text: str) -> str:
    """The first words of a text without its fillers, as people type them into a search."""
    words = re.findall(r"[\w.'/-]*\w", text)
    telling = [word for word in words if not _FILLERS.fullmatch(word.lower())]
    return " ".join(telling[:_KEYWORDS]) or text


async def run_demo(
    tasks: Sequence[RecordExecution],
    data_dir: Path,
    log: TextIO,
    viewer: Viewer,
    *,
    sample: bool = False,
) -> DemoResult:
    """Starts a server on `data_dir`, records `tasks`, waits for embeddings, asks, and ends it.

    Args:
        tasks: At least one.
        data_dir: Where the server keeps its database.
        log: A real file, which gets the server's stderr.
        viewer: Is shown what happens, and may ask something.
        sample: Whether the tasks are the sample's.

    Raises:
        LearningError: The server didn't start, didn't answer, or refused a call.
    """
    begin = time.perf_counter()
    async with _connect(data_dir, log) as client:
        start_ms = _since(begin)
        record_ms, redactions = [], 0
        with viewer.progress() as progress:
            for number, task in enumerate(tasks, 1):
                sent = time.perf_counter()
                answer = await _call(client, "record_execution", task)
                record_ms.append(_since(sent))
                redactions += Recorded.model_validate(answer.structured_content).redactions
                progress("recording", number, len(tasks))
            sent = time.perf_counter()
            await _until_embedded(client, progress)
            ready_ms = _since(sent)
        asked = questions(tasks, sample=sample)
        answers = [await _ask(client, question) for question in asked]
        result = DemoResult(start_ms, record_ms, ready_ms, redactions, answers)
        viewer.show(result)
        while text := await anyio.to_thread.run_sync(viewer.ask, abandon_on_cancel=True):
            viewer.answer(await _ask(client, Question("yours", text, None)))
    return result


@asynccontextmanager
async def _connect(data_dir: Path, log: TextIO) -> AsyncIterator[Client]:
    command, *arguments = sandbox.COMMAND
    parameters = StdioServerParameters(
        command=command, args=arguments, env=sandbox.environment(data_dir)
    )
    transport = stdio_client(parameters, errlog=log)
    try:
        async with Client(transport, read_timeout_seconds=CALL_SECONDS) as client:
            yield client
    except (MCPError, OSError, LearningError, ExceptionGroup) as error:
        raise _explain(error) from error


async def _call(client: Client, tool: str, request: BaseModel | None = None) -> Any:
    arguments = request.model_dump(mode="json", exclude_unset=True) if request else {}
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        texts = [getattr(part, "text", "") for part in result.content]
        raise LearningError(f"{tool} failed: {' '.join(texts)}")
    return result


async def _until_embedded(client: Client, progress: ShowCount) -> None:
    # Loads the model at once, and embeds what is waiting unless that is a lot.
    await _call(client, "find_similar_tasks", FindSimilarTasks(task_description=UNRELATED))
    while True:
        health = (await _call(client, "learning_stats")).structured_content["health"]
        progress("embedding", health["embedded"], health["rows"])
        if not health["pending"]:
            return
        if problem := health.get("problem"):
            raise LearningError(problem)
        await anyio.sleep(_POLL_SECONDS)


async def _ask(client: Client, question: Question) -> Answer:
    request = FindSimilarTasks(task_description=question.text, limit=_SEARCH_LIMIT)
    sent = time.perf_counter()
    found = await _call(client, "find_similar_tasks", request)
    milliseconds = _since(sent)
    similar = SimilarTasks.model_validate(found.structured_content)
    task = RecommendApproach(task_description=question.text)
    advised = await _call(client, "recommend_approach", task) if similar.matches else None
    advice = ""
    if advised is not None and advised.structured_content["verdict"] == "evidence":
        advice = " ".join(getattr(part, "text", "") for part in advised.content)
    return Answer(question, similar, milliseconds, advice)


def _subject(task: RecordExecution) -> str:
    return task.task_description.partition("\n")[0]


def _since(begin: float) -> float:
    return 1000 * (time.perf_counter() - begin)


def _explain(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):  # the transport's task group puts them around it
        error = error.exceptions[0]
    if not isinstance(error, (MCPError, OSError)):
        return error
    return LearningError(
        f"the server gave no answer ({error}); `mcp-learning doctor` finds out why"
    )
