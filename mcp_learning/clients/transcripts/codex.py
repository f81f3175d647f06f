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

from mcp_learning.clients.transcripts.events import (
    RECORDING_TOOL,
    Action,
    Interrupt,
    Prompt,
    Reply,
    ServiceError,
    ToolCall,
    Usage,
)
from mcp_learning.clients.transcripts.service_errors import trouble
from mcp_learning.clients.transcripts.sessions import Session, text_of
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.lines import objects
from mcp_learning.clients.values import moment, number

SOURCE = "codex"

# What the client itself puts into the first messages of a session.
_FROM_CLIENT = re.compile(
    r"\s*(?:<(?:user_instructions|environment_context|turn_aborted|INSTRUCTIONS|skill|user_action"
    r"|permissions instructions|collaboration_mode|subagent_notification|user_shell_command)\b"
    r"|# AGENTS\.md instructions)",
    re.IGNORECASE,
)
_REQUEST = "## My request for Codex:"  # after what an editor adds to the prompt
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
_RUNS = frozenset(
    {"shell", "shell_command", "exec_command", "local_shell_call", "container.exec", "unified_exec"}
)
_STATUS = re.compile(r"(?:Exit code|Process exited with code):? (-?\d+)")


def default_directory() -> Path:
    """Where Codex keeps its sessions."""
    home = os.environ.get("CODEX_HOME")
    return (Path(home) if home else Path.home() / ".codex") / "sessions"


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session; blocks.

    Args:
        file: A regular file.
        notes: Gets every line that can't be read.
        name: What the file is called in notes; empty when there is only one.
    """
    reader = _CodexReader(Session(SOURCE, file.stem), notes)
    for where, line in objects(file, notes, name):
        reader.take(where, line)
    return reader.session


class _CodexReader:
    def __init__(self, session: Session, notes: Notes) -> None:
        self.session = session
        self._notes = notes
        self._began: datetime | None = None
        self._place: dict[str, Any] = {}
        self._model = ""
        self._prompts = 0
        self._has_events = False
        self._from_item: Prompt | None = None
        self._said = ""
        self._calls: dict[str, ToolCall] = {}

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
        self._place["at"] = moment(line.get("timestamp")) or self._began
        if kind == "session_meta":
            self._begin(payload)
        elif kind == "turn_context":
            self._model = str(payload.get("model") or self._model)
            self._place["cwd"] = str(payload.get("cwd") or self._place.get("cwd", ""))
        elif kind == "response_item":
            self._item(where, payload)
        elif kind == "event_msg":
            self._event(where, payload)

    def _begin(self, payload: dict[str, Any]) -> None:
        if "id" not in payload:
            return
        self.session.id = str(payload["id"])
        self._began = moment(payload.get("timestamp")) or self._place["at"]
        self._place["cwd"] = str(payload.get("cwd") or self._place.get("cwd", ""))
        git = payload.get("git")
        if isinstance(git, dict):
            self._place["branch"] = str(git.get("branch") or "")
            self.session.commit = str(git.get("commit_hash") or "")
            self.session.remote = str(git.get("repository_url") or "")

    def _event(self, where: str, payload: dict[str, Any]) -> None:
        kind, text = str(payload.get("type")), str(payload.get("message") or "")
        if kind == "user_message":
            self._has_events = True
            self._prompt(where, text, item=False)
        elif self._place["at"] is None:
            return
        elif kind == "agent_message":
            self._reply(text)
        elif kind == "turn_aborted":
            self.session.add(Interrupt(**self._place))
        elif kind == "error":
            text = text or "the session reports an error"
            self.session.add(ServiceError(**self._place, text=text, trouble=trouble(text)))
        elif kind == "token_count":
            self._use(payload.get("info"))

    def _use(self, info: object) -> None:
        last = info.get("last_token_usage") if isinstance(info, dict) else None
        if isinstance(last, dict):
            fresh = number(last.get("input_tokens")) - number(last.get("cached_input_tokens"))
            tokens = int(max(fresh, 0) + number(last.get("output_tokens")))
            self.session.add(Usage(**self._place, model=self._model, tokens=tokens))

    def _item(self, where: str, payload: dict[str, Any]) -> None:
        kind = str(payload.get("type"))
        if kind == "message" and payload.get("role") == "user":
            if not self._has_events:
                self._prompt(where, text_of(payload.get("content")), item=True)
        elif self._place["at"] is None:
            return
        elif kind == "message" and payload.get("role") == "assistant":
            self._reply(text_of(payload.get("content")))
        elif kind in _CALLS:
            self._call(payload)
        elif kind in _OUTPUTS and (call := self._calls.get(str(payload.get("call_id")))):
            call.answered = self._place["at"]
            status, is_failure, text = _output(payload.get("output"))
            call.answer(text, failed=is_failure, status=status)

    def _reply(self, text: str) -> None:
        """A reply comes as an item and as an event, in either order."""
        if text.strip() and text != self._said:
            self._said = text
            self.session.add(Reply(**self._place, text=text))
            self.session.add(Usage(**self._place, model=self._model))

    def _call(self, payload: dict[str, Any]) -> None:
        name = str(payload.get("name") or payload.get("type"))
        files = tuple(file.strip() for file in _PATCHED.findall(_arguments(payload)))
        action = Action.RUN if name in _RUNS else Action.EDIT if files else Action.OTHER
        if name.endswith(RECORDING_TOOL):
            action = Action.RECORD
        elif name == "update_plan":
            action = Action.OTHER
        command = _command(payload) if action is Action.RUN else ""
        call = ToolCall(**self._place, tool=name, action=action, command=command, files=files)
        self._calls[str(payload.get("call_id"))] = call
        self.session.add(call)

    def _prompt(self, where: str, text: str, *, item: bool) -> None:
        prompt = text.rpartition(_REQUEST)[2].strip()
        if not prompt or _FROM_CLIENT.match(prompt):
            return
        before, self._from_item = self._from_item, None
        if before is not None and not item:
            before.text = prompt  # the message had the same prompt, with additions
            return
        self._prompts += 1
        if self._place["at"] is None:
            self._notes.skip(where, "has no time")
            return
        name = f"{self.session.id}:{self._prompts}"
        found = Prompt(**self._place, text=prompt, where=where, name=name)
        self._from_item = found if item else None
        self._said = ""
        self.session.add(found)


def _arguments(payload: dict[str, Any]) -> str:
    """What a tool was called with, as text; patches are in it."""
    given = _loaded(payload.get("input") or payload.get("arguments") or "")
    values = given.values() if isinstance(given, dict) else [given]
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return "\n".join(part for part in parts if isinstance(part, str))


def _command(payload: dict[str, Any]) -> str:
    """The command line that a tool was called with."""
    given = _loaded(payload.get("arguments") or payload.get("input") or payload.get("action") or "")
    if not isinstance(given, dict):
        return given if isinstance(given, str) else ""
    command = given.get("command") or given.get("cmd") or ""
    if isinstance(command, list):
        words = [word for word in command if isinstance(word, str)]
        is_shell = len(words) == 3 and words[1] in ("-lc", "-c", "-Command")
        return words[2] if is_shell else " ".join(words)
    return command if isinstance(command, str) else ""


def _output(output: object) -> tuple[int | None, bool, str]:
    """The exit code of a tool, whether it failed, and what it printed."""
    output = _loaded(output)
    if isinstance(output, dict):
        about = output.get("metadata")
        code = about.get("exit_code") if isinstance(about, dict) else None
        text = output.get("output") or output.get("content") or ""
        status = code if isinstance(code, int) else None
        is_failure = bool(status) or output.get("success") is False
        return status, is_failure, text if isinstance(text, str) else json.dumps(text)
    text = output if isinstance(output, str) else json.dumps(output)
    found = _STATUS.search(text[:300])
    status = int(found[1]) if found else None
    return status, bool(status), text


def _loaded(value: object) -> object:
    """The object in a text of JSON; another value as it is, and nothing for broken JSON."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return ""
