"""Reads the sessions of Codex: `rollout-*.jsonl` below `sessions`, one file per session.

Since late 2025 each line has a time, a type and a payload; before, lines were the bare payloads and
only the first one had a time. Both are read.
"""

import json
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

SOURCE = "codex"

# What the client itself puts into the first messages of a session.
_FROM_CLIENT = re.compile(
    r"\s*(?:<(?:user_instructions|environment_context|turn_aborted|INSTRUCTIONS|skill|user_action)>"
    r"|# AGENTS\.md instructions)",
    re.IGNORECASE,
)
_REQUEST = "## My request for Codex:"  # after what an editor adds to the prompt
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


def default_directory() -> Path:
    """Where Codex keeps its sessions."""
    home = os.environ.get("CODEX_HOME")
    return (Path(home) if home else Path.home() / ".codex") / "sessions"


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
        self._session = file.stem
        self._began: datetime | None = None
        self._cwd = ""
        self._branch = ""
        self._model = ""
        self._prompts = 0
        self._has_events = False
        self._from_item = False

    def tasks(self) -> Iterator[Task]:
        for where, line in objects(self._file, self._notes, self._name):
            kind, payload = line.get("type"), line.get("payload")
            if "payload" not in line:  # as it was at first
                kind, payload = ("response_item" if kind else "session_meta"), line
                if kind == "session_meta" and not {"id", "record_type"} & line.keys():
                    self._notes.skip(where, "not a line of a session")
                    continue
            if not isinstance(kind, str) or not isinstance(payload, dict):
                self._notes.skip(where, "not a line of a session")
                continue
            at = moment(line.get("timestamp")) or self._began
            before = self._task
            self._take(where, kind, payload, at)
            if self._task is not None:
                self._task.at(at)
            if before is not None and self._task is not before:
                yield before
        if self._task is not None:
            yield self._task

    def _take(self, where: str, kind: str, payload: dict[str, Any], at: datetime | None) -> None:
        if kind == "session_meta":
            self._begin(payload, at)
        elif kind == "turn_context":
            self._model = str(payload.get("model") or self._model)
            self._cwd = str(payload.get("cwd") or self._cwd)
        elif kind == "response_item":
            self._item(where, payload, at)
        elif kind == "event_msg":
            self._event(where, payload, at)

    def _begin(self, payload: dict[str, Any], at: datetime | None) -> None:
        if not payload.get("id") or not isinstance(payload["id"], str):
            return
        self._session = payload["id"]
        self._began = moment(payload.get("timestamp")) or at or self._began
        self._cwd = str(payload.get("cwd") or self._cwd)
        git = payload.get("git")
        if isinstance(git, dict):
            self._branch = str(git.get("branch") or "")

    def _event(self, where: str, payload: dict[str, Any], at: datetime | None) -> None:
        kind, task = str(payload.get("type")), self._task
        if kind == "user_message":
            self._has_events = True
            self._prompt(where, str(payload.get("message") or ""), at, item=False)
        elif task is None:
            return
        elif kind == "agent_message":
            task.said(str(payload.get("message") or ""))
        elif kind == "turn_aborted":
            task.interrupted = True
        elif kind == "error":
            task.failure = str(payload.get("message") or "the session reports an error")
        elif kind == "token_count":
            info = payload.get("info")
            last = info.get("last_token_usage") if isinstance(info, dict) else None
            if isinstance(last, dict):
                fresh = number(last.get("input_tokens")) - number(last.get("cached_input_tokens"))
                task.tokens += int(max(fresh, 0) + number(last.get("output_tokens")))

    def _item(self, where: str, payload: dict[str, Any], at: datetime | None) -> None:
        kind = str(payload.get("type"))
        if kind == "message" and payload.get("role") == "user" and not self._has_events:
            self._prompt(where, _text(payload.get("content")), at, item=True)
        elif self._task is None:
            return
        elif kind == "message" and payload.get("role") == "assistant":
            self._task.said(_text(payload.get("content")))
        elif kind in _CALLS:
            self._task.used(payload.get("name") or kind)
            for file in _PATCHED.findall(_call(payload)):
                self._task.touched(file.strip())
        elif kind in _OUTPUTS:
            failed, told = _output(payload.get("output"))
            if failed:
                self._task.failed(told)

    def _prompt(self, where: str, text: str, at: datetime | None, *, item: bool) -> None:
        prompt = text.rpartition(_REQUEST)[2].strip()
        if not prompt or _FROM_CLIENT.match(prompt):
            return
        task, told_twice = self._task, self._from_item and not item
        self._from_item = item
        if told_twice and task is not None and not task.reply and not task.tools:
            task.prompt = prompt  # the first prompt is there as a message, too, with additions
            return
        self._prompts += 1
        if not is_new_task(prompt, task):
            return
        if at is None:
            self._notes.skip(where, "has no time")
            return
        self._task = Task(
            where=where,
            task_id=identity(SOURCE, f"{self._session}:{self._prompts}"),
            prompt=prompt,
            started=at,
            cwd=self._cwd,
            model=self._model,
            more={"session": clean(self._session, 100), "branch": clean(self._branch, 200)},
        )


def _text(content: object) -> str:
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    texts = (one.get("text") for one in content if isinstance(one, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _call(payload: dict[str, Any]) -> str:
    """What a tool was called with, as text; patches are in it."""
    given = payload.get("input") or payload.get("arguments") or ""
    if isinstance(given, str) and given.startswith("{"):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return ""
    values = given.values() if isinstance(given, dict) else [given]
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return "\n".join(part for part in parts if isinstance(part, str))


def _output(output: object) -> tuple[bool, str]:
    """Whether a tool failed, by its exit code, and what it told."""
    if isinstance(output, str) and output.startswith("{"):
        try:
            output = json.loads(output)
        except (ValueError, RecursionError):
            return False, ""
    if isinstance(output, dict):
        about = output.get("metadata")
        code = about.get("exit_code") if isinstance(about, dict) else None
        told = output.get("output") or output.get("content") or ""
        failed = (isinstance(code, int) and code != 0) or output.get("success") is False
        return failed, told if isinstance(told, str) else ""
    code_line = re.match(r"(?:Exit code|Process exited with code):? (\d+)", str(output)[:200])
    return bool(code_line and int(code_line[1])), str(output) if code_line else ""
