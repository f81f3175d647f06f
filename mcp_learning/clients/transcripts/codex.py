"""Reads the sessions of Codex: `rollout-*.jsonl` below `sessions`, one file per session.

Since late 2025 each line has a time, a type and a payload; before, lines were the bare payloads and
only the first one had a time. Both are read.
"""

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from mcp_learning.clients.transcripts.sessions import Session, Task, text_of
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.lines import objects
from mcp_learning.clients.values import moment, number

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


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session, from its beginning, since its prompts are counted for their names; blocks.

    Args:
        file: A regular file.
        notes: Gets every line that can't be read.
        name: What the file is called in notes; empty when there is only one.
    """
    reader = _CodexReader(Session(SOURCE), notes, file.stem)
    for where, line in objects(file, notes, name):
        reader.take(where, line)
    return reader.session


class _CodexReader:
    def __init__(self, session: Session, notes: Notes, name: str) -> None:
        self.session = session
        self._notes = notes
        self._id = name
        self._began: datetime | None = None
        self._cwd = ""
        self._branch = ""
        self._remote = ""
        self._model = ""
        self._prompts = 0
        self._has_events = False
        self._from_item = False

    def take(self, where: str, line: dict[str, Any]) -> None:
        """Adds a line to the session."""
        kind, payload = line.get("type"), line.get("payload")
        if "payload" not in line:  # the first form
            kind, payload = ("response_item" if kind else "session_meta"), line
            if kind == "session_meta" and not {"id", "record_type"} & line.keys():
                self._notes.skip(where, "not a line of a session")
                return
        if not isinstance(kind, str) or not isinstance(payload, dict):
            self._notes.skip(where, "not a line of a session")
            return
        at = moment(line.get("timestamp")) or self._began
        self._payload(where, kind, payload, at)
        if self.session.latest is not None:
            self.session.latest.at(at)

    def _payload(self, where: str, kind: str, payload: dict[str, Any], at: datetime | None) -> None:
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
        self._id = payload["id"]
        self._began = moment(payload.get("timestamp")) or at or self._began
        self._cwd = str(payload.get("cwd") or self._cwd)
        git = payload.get("git")
        if isinstance(git, dict):
            self._branch = str(git.get("branch") or "")
            self._remote = str(git.get("repository_url") or "")

    def _event(self, where: str, payload: dict[str, Any], at: datetime | None) -> None:
        kind, task = str(payload.get("type")), self.session.latest
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
        kind, task = str(payload.get("type")), self.session.latest
        if kind == "message" and payload.get("role") == "user" and not self._has_events:
            self._prompt(where, text_of(payload.get("content")), at, item=True)
        elif task is None:
            return
        elif kind == "message" and payload.get("role") == "assistant":
            task.said(text_of(payload.get("content")))
        elif kind in _CALLS:
            task.used(payload.get("name") or kind, payload.get("call_id"))
            for file in _PATCHED.findall(_arguments(payload)):
                task.wrote(file.strip())
        elif kind in _OUTPUTS:
            output = payload.get("output")
            is_failure, text = _output(output)
            if is_failure:
                task.failed(text)
            else:
                task.answered(payload.get("call_id"), _raw(output))

    def _prompt(self, where: str, text: str, at: datetime | None, *, item: bool) -> None:
        prompt = text.rpartition(_REQUEST)[2].strip()
        if not prompt or _FROM_CLIENT.match(prompt):
            return
        task, is_repeated = self.session.latest, self._from_item and not item
        self._from_item = item
        if is_repeated and task is not None and not task.reply and not task.tools:
            task.prompt = prompt  # the message had the same prompt, with additions
            return
        self._prompts += 1
        if not self.session.is_new_task(prompt):
            return
        if at is None:
            self._notes.skip(where, "has no time")
            return
        self.session.tasks.append(
            Task(
                where=where,
                name=f"{self._id}:{self._prompts}",
                prompt=prompt,
                started=at,
                session=self._id,
                cwd=self._cwd,
                branch=self._branch,
                remote=self._remote,
                model=self._model,
            )
        )


def _arguments(payload: dict[str, Any]) -> str:
    """What a tool was called with, as text; patches are in it."""
    given = _loaded(payload.get("input") or payload.get("arguments") or "")
    values = given.values() if isinstance(given, dict) else [given]
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return "\n".join(part for part in parts if isinstance(part, str))


def _output(output: object) -> tuple[bool, str]:
    """Whether a tool failed, by its exit code, and what it printed."""
    output = _loaded(output)
    if isinstance(output, dict):
        about = output.get("metadata")
        code = about.get("exit_code") if isinstance(about, dict) else None
        text = output.get("output") or output.get("content") or ""
        is_failure = (isinstance(code, int) and code != 0) or output.get("success") is False
        return is_failure, text if isinstance(text, str) else ""
    code_line = re.match(r"(?:Exit code|Process exited with code):? (\d+)", str(output)[:200])
    return bool(code_line and int(code_line[1])), str(output) if code_line else ""


def _raw(output: object) -> str:
    """What a tool answered, as one text."""
    return output if isinstance(output, str) else json.dumps(output)


def _loaded(value: object) -> object:
    """The object in a text of JSON; another value as it is, and nothing for broken JSON."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return ""
