"""Reads the sessions of Claude Code: one file of JSON lines per session, below `projects`.

A task begins where the user asks for something. What a command or the client itself put into the
session is no prompt, and what subagents did belongs to the task that called them.
"""

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from mcp_learning.clients.transcripts.sessions import Session, Task, text_of
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.lines import objects
from mcp_learning.clients.values import moment, number

SOURCE = "claude-code"

_WRITES = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_FROM_CLIENT = re.compile(
    r"\s*<(?:command-\w+|local-command-\w+|bash-(?:input|stdout|stderr)|task-notification)>"
)
_MARKS = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly")
_INTERRUPTED = "[Request interrupted by user"
_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>|\Z)", re.DOTALL)
_TOOL_ERROR = re.compile(r"</?tool_use_error>")


def default_directory() -> Path:
    """Where Claude Code keeps its sessions."""
    home = os.environ.get("CLAUDE_CONFIG_DIR")
    return (Path(home) if home else Path.home() / ".claude") / "projects"


def read(file: Path, notes: Notes, name: str = "", start: int = 0) -> Session:
    """Reads a session; blocks.

    Args:
        file: A regular file.
        notes: Gets every line that can't be read.
        name: What the file is called in notes; empty when there is only one.
        start: Offset in bytes from which it is read.
    """
    reader = _ClaudeCodeReader(Session(SOURCE, is_whole=start == 0), notes, file.stem)
    for where, line in objects(file, notes, name, start):
        reader.take(where, line)
    return reader.session


class _ClaudeCodeReader:
    def __init__(self, session: Session, notes: Notes, name: str) -> None:
        self.session = session
        self._notes = notes
        self._name = name
        self._message = ""

    def take(self, where: str, line: dict[str, Any]) -> None:
        """Adds a line to the session."""
        kind = line.get("type")
        if not isinstance(kind, str):
            self._notes.skip(where, "not a line of a session")
            return
        if kind not in ("user", "assistant") or line.get("isSidechain") is True:
            return
        message, at = line.get("message"), moment(line.get("timestamp"))
        if not isinstance(message, dict) or at is None:
            self._notes.skip(where, "has no message, or no time")
            return
        if kind == "user":
            self._user(where, line, message, at)
        elif self.session.latest is not None:
            self._assistant(self.session.latest, line, message)
        if self.session.latest is not None:
            self.session.latest.at(at)

    def _user(
        self, where: str, line: dict[str, Any], message: dict[str, Any], at: datetime
    ) -> None:
        task = self.session.latest
        for block in _blocks(message):
            if block.get("type") == "tool_result" and task:
                told = text_of(block.get("content"))
                if block.get("is_error") is True:
                    task.failed(_TOOL_ERROR.sub("", told))
                else:
                    task.answered(block.get("tool_use_id"), told)
        prompt = _REMINDER.sub("", text_of(message.get("content"))).strip()
        if prompt.startswith(_INTERRUPTED):
            if task:
                task.interrupted = True
        elif prompt and not _is_from_client(line, prompt) and self.session.is_new_task(prompt):
            session = str(line.get("sessionId") or self._name)
            self.session.tasks.append(
                Task(
                    where=where,
                    name=str(line.get("uuid") or f"{session}:{at.isoformat()}"),
                    prompt=prompt,
                    started=at,
                    session=session,
                    cwd=str(line.get("cwd") or ""),
                    branch=str(line.get("gitBranch") or ""),
                )
            )

    def _assistant(self, task: Task, line: dict[str, Any], message: dict[str, Any]) -> None:
        if line.get("isApiErrorMessage") is True:
            task.failure = text_of(message.get("content")) or "the request to the model failed"
            return
        model = str(message.get("model") or "")
        task.model = model if model and model != "<synthetic>" else task.model
        if cost := number(line.get("costUSD")):
            task.cost = (task.cost or 0.0) + cost
        self._count_tokens(task, message)
        for block in _blocks(message):
            if block.get("type") == "tool_use":
                name, given = str(block.get("name")), block.get("input")
                task.used(name, block.get("id"))
                if name in _WRITES and isinstance(given, dict):
                    task.wrote(given.get("file_path") or given.get("notebook_path"))
        task.said(text_of(message.get("content")))

    def _count_tokens(self, task: Task, message: dict[str, Any]) -> None:
        """Adds a message's tokens once, though each of its parts is a line that has them."""
        usage, name = message.get("usage"), str(message.get("id") or "")
        if isinstance(usage, dict) and (not name or name != self._message):
            kinds = ("input_tokens", "cache_creation_input_tokens", "output_tokens")
            task.tokens += int(sum(number(usage.get(kind)) for kind in kinds))
        self._message = name


def _is_from_client(line: dict[str, Any], prompt: str) -> bool:
    return any(line.get(mark) is True for mark in _MARKS) or bool(_FROM_CLIENT.match(prompt))


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []
