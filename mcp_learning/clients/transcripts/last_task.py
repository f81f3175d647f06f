"""The latest task in a session of Claude Code, read from the end of its transcript.

A transcript is a file of JSON lines: what the user said, what the agent answered and which tools it
used. A task begins where the user asks for something; a short prompt ("yes, go on") goes on with
the one before. Nothing in it says whether the task succeeded.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcp_learning.clients.transcripts.sessions import SHORT_PROMPT

LARGEST_TAIL = 16 * 2**20
"""Bytes at the end of a transcript that are read."""

RECORDS = "record_execution"
"""The tool with which an agent records by itself."""

_WRITES = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit"})
_FROM_CLIENT = re.compile(
    r"\s*(?:<(?:command-\w+|local-command-\w+|bash-\w+|task-notification)>|\[Request interrupted)"
)
_REMINDER = re.compile(r"<system-reminder>.*?(?:</system-reminder>|\Z)", re.DOTALL)
_MARKS = ("isMeta", "isCompactSummary", "isVisibleInTranscriptOnly", "isSidechain")
_MOST = 100


@dataclass
class LastTask:
    """What the transcript says of the latest task.

    Attributes:
        name: Name of the prompt's line, unique.
        prompt: What the user asked.
        cwd: Where the agent worked; empty if unknown.
        started: Time of the prompt, UTC; None if unknown.
        ended: Time of the last line, UTC.
        reply: What the agent said last.
        model: Name of the last model.
        tools: How often each tool was used.
        files: Files that were written to.
        recorded: Whether the agent has recorded an execution by itself.
    """

    name: str
    prompt: str
    cwd: str
    started: datetime | None
    ended: datetime | None = None
    reply: str = ""
    model: str = ""
    tools: Counter[str] = field(default_factory=Counter)
    files: set[str] = field(default_factory=set)
    recorded: bool = False


def last_task(path: Path) -> LastTask | None:
    """The latest task of a session; None if it has none, or none near its end. Blocks.

    Lines that can't be understood are passed over.

    Raises:
        OSError: The file can't be read.
    """
    task: LastTask | None = None
    for line in _lines(path):
        message = line.get("message")
        if not isinstance(message, dict) or any(line.get(mark) is True for mark in _MARKS):
            continue
        if line.get("type") == "user":
            prompt = _REMINDER.sub("", _text(message.get("content"))).strip()
            begins = task is None or len(prompt) >= SHORT_PROMPT
            if prompt and begins and not _FROM_CLIENT.match(prompt):
                task = _begun(line, prompt)
        elif line.get("type") == "assistant" and task is not None:
            _answered(task, message)
        if task is not None and (at := _moment(line.get("timestamp"))) is not None:
            task.ended = at
    return task


def _begun(line: dict[str, Any], prompt: str) -> LastTask:
    started = _moment(line.get("timestamp"))
    session = str(line.get("sessionId") or "")
    name = str(line.get("uuid") or f"{session}:{started.isoformat() if started else prompt[:200]}")
    return LastTask(name, prompt, str(line.get("cwd") or ""), started)


def _answered(task: LastTask, message: dict[str, Any]) -> None:
    task.model = str(message.get("model") or task.model)
    task.reply = _text(message.get("content")).strip() or task.reply
    content = message.get("content")
    for part in content if isinstance(content, list) else []:
        if not isinstance(part, dict) or part.get("type") != "tool_use":
            continue
        tool, given = str(part.get("name"))[:_MOST], part.get("input")
        if tool in task.tools or len(task.tools) < _MOST:
            task.tools[tool] += 1
        task.recorded = task.recorded or tool.endswith(RECORDS)
        if tool in _WRITES and isinstance(given, dict):
            task.files.add(str(given.get("file_path") or given.get("notebook_path")))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        skipped = max(0, file.seek(0, 2) - LARGEST_TAIL)
        file.seek(skipped)
        if skipped:
            file.readline()
        for line in file:
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (
        one.get("text") for one in parts if isinstance(one, dict) and one.get("type") == "text"
    )
    return "\n".join(text for text in texts if isinstance(text, str))


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
