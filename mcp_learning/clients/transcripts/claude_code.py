"""Reads the sessions of Claude Code: one file of JSON lines per session, below `projects`.

A task starts where the user asks for something; what a command or the client itself put into the
session is no question of the user, and what subagents did belongs to the task that called them.
"""

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mcp_learning.clients.transcripts.sessions import Task, is_new_task, number
from mcp_learning.clients.transfer.imported import Notes, clean, files_below, identity, moment
from mcp_learning.clients.transfer.lines import objects
from mcp_learning.models.transfer import PastExecution

SOURCE = "claude-code"

_WRITES = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_FROM_CLIENT = re.compile(
    r"\s*<(?:command-name|command-message|local-command-\w+|bash-(?:input|stdout|stderr)"
    r"|task-notification)>"
)
_INTERRUPTED = "[Request interrupted by user"
_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>|\Z)", re.DOTALL)
_TOOL_ERROR = re.compile(r"</?tool_use_error>")


def default_directory() -> Path:
    """Where Claude Code keeps its sessions."""
    home = os.environ.get("CLAUDE_CONFIG_DIR")
    return (Path(home) if home else Path.home() / ".claude") / "projects"


def read(path: Path, notes: Notes) -> Iterator[PastExecution]:
    """The tasks of a session's file, or of all sessions below a directory; blocks."""
    files = files_below(path, "*.jsonl", notes)
    for file in files:
        name = "" if files == [path] else str(file.relative_to(path))
        for task in _Session(file, notes, name).tasks():
            if record := task.past(SOURCE, notes):
                yield record


class _Session:
    def __init__(self, file: Path, notes: Notes, name: str) -> None:
        self._file = file
        self._notes = notes
        self._name = name
        self._task: Task | None = None
        self._message = ""

    def tasks(self) -> Iterator[Task]:
        for where, line in objects(self._file, self._notes, self._name):
            kind = line.get("type")
            if not isinstance(kind, str):
                self._notes.skip(where, "not a line of a session")
                continue
            if kind not in ("user", "assistant") or line.get("isSidechain") is True:
                continue
            message, at = line.get("message"), moment(line.get("timestamp"))
            if not isinstance(message, dict) or at is None:
                self._notes.skip(where, "has no message, or no time")
                continue
            before = self._task
            if kind == "assistant":
                self._assistant(line, message)
            else:
                self._user(where, line, message, at)
            if self._task is not None:
                self._task.at(at)
            if before is not None and self._task is not before:
                yield before
        if self._task is not None:
            yield self._task

    def _user(
        self, where: str, line: dict[str, Any], message: dict[str, Any], at: datetime
    ) -> None:
        for block in _blocks(message):
            if block.get("type") == "tool_result" and block.get("is_error") is True and self._task:
                self._task.failed(_TOOL_ERROR.sub("", _text(block.get("content"))))
        prompt = _REMINDER.sub("", _text(message.get("content"))).strip()
        if prompt.startswith(_INTERRUPTED):
            if self._task:
                self._task.interrupted = True
        elif prompt and not _is_from_client(line, prompt) and is_new_task(prompt, self._task):
            session = str(line.get("sessionId") or self._file.stem)
            name = str(line.get("uuid") or f"{session}:{at.isoformat()}")
            self._task = Task(
                where=where,
                task_id=identity(SOURCE, name),
                prompt=prompt,
                started=at,
                cwd=str(line.get("cwd") or ""),
                more={
                    "session": clean(session, 100),
                    "branch": clean(str(line.get("gitBranch") or ""), 200),
                },
            )

    def _assistant(self, line: dict[str, Any], message: dict[str, Any]) -> None:
        task = self._task
        if task is None:
            return
        if line.get("isApiErrorMessage") is True:
            task.failure = _text(message.get("content")) or "the request to the model failed"
            return
        model = str(message.get("model") or "")
        task.model = model if model and model != "<synthetic>" else task.model
        if cost := number(line.get("costUSD")):
            task.cost = (task.cost or 0.0) + cost
        self._count_tokens(task, message)
        for block in _blocks(message):
            if block.get("type") == "tool_use":
                name, given = str(block.get("name")), block.get("input")
                task.used(name)
                if name in _WRITES and isinstance(given, dict):
                    task.touched(given.get("file_path") or given.get("notebook_path"))
        task.said(_text(message.get("content")))

    def _count_tokens(self, task: Task, message: dict[str, Any]) -> None:
        """Adds a message's tokens once, though each of its parts is a line that has them."""
        usage, name = message.get("usage"), str(message.get("id") or "")
        if isinstance(usage, dict) and (not name or name != self._message):
            kinds = ("input_tokens", "cache_creation_input_tokens", "output_tokens")
            task.tokens += int(sum(number(usage.get(kind)) for kind in kinds))
        self._message = name


def _is_from_client(line: dict[str, Any], prompt: str) -> bool:
    marks = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly")
    return any(line.get(mark) is True for mark in marks) or bool(_FROM_CLIENT.match(prompt))


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def _text(content: object) -> str:
    """The text in a message's content, or in a tool's result."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (
        one.get("text") for one in content if isinstance(one, dict) and one.get("type") == "text"
    )
    return "\n".join(text for text in texts if isinstance(text, str))
