"""Makes executions of the tasks in a session, the same for an import and for a hook.

The outcome is inferred from the session (`outcomes`), and pending if it can't be. Interruptions and
failed tools are in the metadata.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mcp_learning.clients.capture import outcomes, repositories, summaries, task_types, traces
from mcp_learning.clients.capture.reactions import rejects_work_before
from mcp_learning.clients.judging.sessions import REOPENS
from mcp_learning.clients.transcripts.boundaries import is_talk
from mcp_learning.clients.transcripts.events import Prompt
from mcp_learning.clients.transcripts.sessions import Session, Task
from mcp_learning.clients.transfer.imported import (
    Notes,
    clean_and_truncate,
    clean_end,
    files_below,
)
from mcp_learning.clients.values import clean, stable_id
from mcp_learning.models.transfer import PastExecution
from mcp_learning.models.verdicts import LONGEST_REASON, with_noted
from mcp_learning.redaction.secrets import redact

LONGEST_DESCRIPTION = 20_000
LONGEST_SOLUTION = 8_000
LONGEST_ERROR = 2_000

Reader = Callable[[Path, Notes, str], Session]
"""The function `read` of a client's module in `transcripts`."""

Finder = Callable[[Path, Notes], list[Path]]
"""The function `files` of a client's module."""

_MOST_TOOLS = 20
_MOST_COMMITS = 20
_TIERS = ("opus", "sonnet", "haiku")  # in names of models; otherwise the name is the tier


def transcripts(path: Path, notes: Notes) -> list[Path]:
    """As `files_below`: files of JSON lines."""
    return files_below(path, notes, "*.jsonl")


def executions(
    read: Reader,
    path: Path,
    notes: Notes,
    files_of: Finder = transcripts,
) -> Iterator[PastExecution]:
    """The executions of a session's file, or of all sessions below a directory; blocks.

    Notes what can't be read, and the numbers of prompts and tasks. Sessions of subagents
    have no tasks of their own, since their prompts are not the user's.

    Raises:
        InvalidInput: There is no such path.
    """
    files = files_of(path, notes)
    for file in files:
        session = read(file, notes, "" if files == [path] else str(file.relative_to(path)))
        if session.parent:
            notes.found["sessions of subagents, without tasks of their own"] += 1
            continue
        tasks = with_following(session)
        _count(session, len(tasks), notes)
        for task, following in tasks:
            if record := execution(task, session.client, notes, following):
                yield record


def with_following(session: Session) -> list[tuple[Task, Prompt | None]]:
    """The tasks of a session, each with the prompt that the next one begins with.

    Talk without a request is no task.
    """
    tasks = session.tasks
    both = zip(tasks, [*(task.first for task in tasks[1:]), None], strict=False)
    return [(task, following) for task, following in both if not is_talk(task.events)]


def _count(session: Session, tasks: int, notes: Notes) -> None:
    """Counts the prompts of a file: each begins a task, is a follow-up, or talk."""
    talk = len(session.tasks) - tasks
    prompts = sum(isinstance(one, Prompt) and not one.is_answer for one in session.events)
    notes.found["files"] += 1
    notes.found["files without a prompt"] += not prompts
    notes.found["prompts"] += prompts
    notes.found["tasks"] += tasks
    notes.found["follow-ups"] += prompts - tasks - talk
    if talk:
        notes.found["talk without a request"] += talk


def execution(
    task: Task, client: str, notes: Notes, following: Prompt | None = None
) -> PastExecution | None:
    """The execution of a task.

    If the agent recorded one execution itself, the result has its id and adds the session's values.

    Args:
        task: The task.
        client: The client's name, as in `metadata.source`.
        notes: Gets the reason if there is no execution.
        following: The prompt that the next task of the session begins with; None: there is none.

    Returns:
        None if the agent recorded several executions or updated one, or if a value is refused.
    """
    (recorded,) = task.recorded if len(task.recorded) == 1 else (None,)
    if task.is_recorded and recorded is None:
        notes.found["tasks that the agent recorded itself"] += 1
        return None
    model = clean(task.model, 100)
    started, ended = task.first.at, task.ended or task.first.at
    verdict = outcomes.verdict(task, following)
    why, _ = redact(clean(verdict.why, LONGEST_REASON))  # it may quote a prompt
    values = {
        "task_type": task_types.task_type(task),
        "task_description": clean_and_truncate(summaries.description(task), LONGEST_DESCRIPTION),
        "outcome": verdict.outcome,
        "repo": repositories.repository(task) or None,
        "model_tier": next((name for name in _TIERS if name in model.lower()), model) or None,
        "solution_summary": clean_and_truncate(summaries.solution(task), LONGEST_SOLUTION) or None,
        "error_message": clean_end(summaries.error(task), LONGEST_ERROR) or None,
        "duration_seconds": (ended - started).total_seconds() if task.ended else None,
        "cost_usd": task.cost,
        "details": {
            "file_count": len(task.files) or None,
            "estimated_tokens": task.tokens or None,
            "session_id": clean(task.session.id, 100) or None,
            "outcome_basis": verdict.basis,
            "outcome_confidence": verdict.confidence,
            "metadata": with_noted(_metadata(task, client), {"session": verdict._replace(why=why)}),
        },
    }
    record = {
        "task_id": recorded or stable_id(client, task.first.name),
        "execution": values,
        "recorded_at": started,
        "updated_at": max(ended, following.at) if following else ended,
        "repo_known_as": repositories.known_as(task),
    }
    try:
        return PastExecution.model_validate(record)
    except ValidationError as error:
        notes.refuse(task.first.where, error, PastExecution)
        return None


def _metadata(task: Task, client: str) -> dict[str, Any]:
    values = {
        "source": client,
        "session": clean(task.session.id, 100),
        "branch": clean(task.branch, 200),
        "model": clean(task.model, 100),
        "tools": dict(task.tools.most_common(_MOST_TOOLS)),
        "tool_errors": sum(bool(one.failed) and not one.is_rejected for one in task.calls),
        "interrupted": task.interrupted,
        "ended_by": task.trouble.trouble.value if task.trouble else None,
        "prompts": len(task.prompts) if len(task.prompts) > 1 else None,
        "files": traces.files(task),
        "commits": [commit for call in task.calls for commit in call.commits][-_MOST_COMMITS:],
        "recovered": traces.recovered(task),
        REOPENS: task.first is task.session.events[0] and rejects_work_before(task.first.text),
    }
    return {name: value for name, value in values.items() if value}
