"""Makes executions of the tasks in a session, the same ones for an import and for a hook.

A session doesn't say how a task ended. So the outcome is pending, unless the session itself reports
that the agent could not go on, which is a failure. That the user stopped the agent, or that tools
failed on the way, is in the metadata.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mcp_learning.clients.transcripts.sessions import Session, Task
from mcp_learning.clients.transfer.commits import type_by_words
from mcp_learning.clients.transfer.imported import Notes, files_below, fitted
from mcp_learning.clients.values import clean, identity
from mcp_learning.models.transfer import PastExecution
from mcp_learning.redaction import working_copies

LONGEST_DESCRIPTION = 20_000
LONGEST_SOLUTION = 8_000
LONGEST_ERROR = 2_000

Reader = Callable[[Path, Notes, str], Session]
"""The `read` of a client in `transcripts`."""

_MOST_TOOLS = 20
_TIERS = ("opus", "sonnet", "haiku")


def executions(read: Reader, path: Path, notes: Notes) -> Iterator[PastExecution]:
    """The executions of a session's file, or of all sessions below a directory; blocks.

    Raises:
        InvalidInput: There is no such path.
    """
    files = files_below(path, "*.jsonl", notes)
    for file in files:
        session = read(file, notes, "" if files == [path] else str(file.relative_to(path)))
        for task in session.tasks:
            if record := execution(task, session.client, notes):
                yield record


def execution(task: Task, client: str, notes: Notes) -> PastExecution | None:
    """The execution of a task; None, with a note, if a value of it can't be stored."""
    description = fitted(task.first.text, LONGEST_DESCRIPTION)
    first_line = description.partition("\n")[0]
    ended, trouble = task.ended or task.started, task.trouble
    solution = task.replies[-1].text if task.replies else ""
    values = {
        "task_type": type_by_words(first_line, "task"),
        "task_description": description,
        "outcome": "failure" if trouble else "pending",
        "repo": repository(task.cwd) or None,
        "model_tier": _tier(task.model) or None,
        "solution_summary": fitted(solution, LONGEST_SOLUTION) or None,
        "error_type": "crash" if trouble else None,
        "error_message": fitted(_error(task), LONGEST_ERROR) or None,
        "duration_seconds": (ended - task.started).total_seconds() if task.ended else None,
        "cost_usd": task.cost,
        "details": {
            "file_count": len(task.files) or None,
            "estimated_tokens": task.tokens or None,
            "metadata": _metadata(task, client),
        },
    }
    # What the agent recorded itself is this task, and gets what the session adds to it.
    (recorded,) = task.recorded if len(task.recorded) == 1 else (None,)
    record = {
        "task_id": recorded or identity(client, task.name),
        "execution": values,
        "recorded_at": task.started,
        "updated_at": ended,
        "repo_known_as": [*_known_as(task.cwd), *filter(None, [task.session.remote])],
    }
    try:
        return PastExecution.model_validate(record)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        notes.skip(task.first.where, f"{first['loc'][-1]} can't be accepted", first["msg"])
        return None


def _error(task: Task) -> str:
    """What stopped the task, or else the last error of a tool."""
    if trouble := task.trouble:
        return trouble.text
    failed = task.failed_calls
    return failed[-1].output if failed else ""


@lru_cache(1_000)
def repository(cwd: str) -> str:
    """Name of the repository that a directory is in; of the directory, where that is gone."""
    return clean(working_copies.name(cwd), 500)


@lru_cache(1_000)
def _known_as(cwd: str) -> tuple[str, ...]:
    return tuple(working_copies.spellings(cwd)) if cwd else ()


def _tier(model: str) -> str:
    """A model's tier by its name: opus, sonnet or haiku; else the name itself."""
    return next((name for name in _TIERS if name in model.lower()), clean(model, 100))


def _metadata(task: Task, client: str) -> dict[str, Any]:
    values = {
        "source": client,
        "session": clean(task.session.id, 100),
        "branch": clean(task.branch, 200),
        "model": clean(task.model, 100),
        "tools": dict(task.tools.most_common(_MOST_TOOLS)),
        "tool_errors": len(task.failed_calls),
        "interrupted": task.interrupted,
    }
    return {name: value for name, value in values.items() if value}
