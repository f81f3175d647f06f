"""A task in an agent's session: from what the user asked to the last thing that happened for it.

How a task ended is not in a transcript: nobody says "success" there. So the outcome is pending,
unless the session itself reports that the agent could not go on, which is a failure. That the user
stopped the agent, or that tools failed on the way, is kept in the metadata.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from mcp_learning.clients.transfer.commits import type_by_words
from mcp_learning.clients.transfer.imported import Notes, clean
from mcp_learning.models.transfer import PastExecution

SHORT_PROMPT = 20
"""Characters below which a prompt ("yes, go on") belongs to the task before it."""

_MOST = 200
"""Tools that are counted apart in a task."""

_MOST_FILES = 10_000

_TIERS = ("opus", "sonnet", "haiku")


@dataclass
class Task:
    """What is known of a task while its session is being read. Times are UTC."""

    where: str
    task_id: UUID
    prompt: str
    started: datetime
    cwd: str = ""
    ended: datetime | None = None
    reply: str = ""
    model: str = ""
    tokens: int = 0
    cost: float | None = None
    tools: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    tool_errors: int = 0
    last_error: str = ""
    interrupted: bool = False
    failure: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def at(self, moment: datetime | None) -> None:
        """Something happened."""
        if moment is not None and moment > (self.ended or self.started):
            self.ended = moment

    def said(self, text: str) -> None:
        """The agent said something; what it said last is kept, and that it went on."""
        if text.strip():
            self.reply, self.failure = text, ""

    def used(self, tool: object) -> None:
        """The agent used a tool."""
        name = clean(str(tool), 100) or "unknown"
        self.tools[name if name in self.tools or len(self.tools) < _MOST else "further"] += 1

    def failed(self, text: str) -> None:
        """A tool failed."""
        self.tool_errors += 1
        self.last_error = text or self.last_error

    def touched(self, file: object) -> None:
        """The agent wrote to a file."""
        if isinstance(file, str) and len(self.files) < _MOST_FILES:
            self.files.add(file)

    def past(self, source: str, notes: Notes) -> PastExecution | None:
        """The execution; None, with a note, if it can't be one."""
        description = clean(self.prompt, 20_000)
        ended = self.ended or self.started
        error = self.failure or self.last_error
        details = {
            "file_count": len(self.files) or None,
            "estimated_tokens": self.tokens or None,
            "metadata": self._metadata(source),
        }
        execution = {
            "task_type": type_by_words(description.splitlines()[0] if description else "", "task"),
            "task_description": description,
            "outcome": "failure" if self.failure else "pending",
            "repo": repository(self.cwd) or None,
            "model_tier": tier(self.model) or None,
            "solution_summary": clean(self.reply, 8_000) or None,
            "error_type": "crash" if self.failure else None,
            "error_message": clean(error, 2_000) or None,
            "duration_seconds": (ended - self.started).total_seconds() if self.ended else None,
            "cost_usd": self.cost,
            "details": details,
        }
        given = {
            "task_id": self.task_id,
            "execution": execution,
            "recorded_at": self.started,
            "updated_at": ended,
        }
        try:
            return PastExecution.model_validate(given)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            notes.skip(self.where, f"{first['loc'][-1]} can't be accepted", first["msg"])
            return None

    def _metadata(self, source: str) -> dict[str, Any]:
        told = {
            "source": source,
            **self.more,
            "model": clean(self.model, 100),
            "tools": dict(self.tools.most_common(20)),
            "tool_errors": self.tool_errors,
            "interrupted": self.interrupted,
        }
        return {name: value for name, value in told.items() if value}


def is_new_task(prompt: str, current: Task | None) -> bool:
    """Whether a prompt begins a task, rather than going on with the current one."""
    return current is None or len(prompt.strip()) >= SHORT_PROMPT


def tier(model: str) -> str:
    """A model's tier by its name: opus, sonnet or haiku; else the name itself."""
    return next((name for name in _TIERS if name in model.lower()), clean(model, 100))


@lru_cache(1_000)
def repository(cwd: str) -> str:
    """Name of the repository that a directory is in; of the directory, where that is gone."""
    if not cwd:
        return ""
    windows = "\\" in cwd and "/" not in cwd
    root = None
    with suppress(OSError, ValueError):
        path = Path(cwd)
        is_remote = cwd.startswith(("//", "\\\\"))  # to look there would ask another machine
        if path.is_absolute() and not is_remote:
            root = next((p for p in (path, *path.parents) if (p / ".git").exists()), None)
    name = root.name if root else (PureWindowsPath if windows else PurePosixPath)(cwd).name
    return clean(name, 500)


def number(value: object) -> float:
    """A number that is at least 0 and can be added up; 0 for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
        return 0
    return value
