"""Reads the sessions of Copilot CLI: `events.jsonl` in a directory per session.

The events are those of its public SDK: each line has a type, a time, an id and data. Of subagents,
whose events name the call that began them, only the tools that they used are taken.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from mcp_learning.clients.transcripts.events import (
    RECORDING_TOOL,
    Action,
    Interrupt,
    Notice,
    Prompt,
    Reply,
    ServiceError,
    ToolCall,
    Usage,
)
from mcp_learning.clients.transcripts.service_errors import trouble
from mcp_learning.clients.transcripts.sessions import Session
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.lines import objects
from mcp_learning.clients.values import moment, number

SOURCE = "copilot"

_ACTIONS = {
    **dict.fromkeys(("bash", "powershell", "shell"), Action.RUN),
    **dict.fromkeys(("edit", "create", "str_replace_editor", "apply_patch"), Action.EDIT),
    "exit_plan_mode": Action.PLAN,
    "ask_user": Action.ASK,
    "task": Action.DELEGATE,
}
_STATUS = re.compile(r"exit(?:ed with exit)? code:? (-?\d+)")
_REFUSED = re.compile(r"\b(?:denied|rejected|declined)\b", re.IGNORECASE)


def default_directory() -> Path:
    """Where Copilot CLI keeps its sessions."""
    home = os.environ.get("COPILOT_HOME")
    return (Path(home) if home else Path.home() / ".copilot") / "session-state"


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session; blocks.

    Args:
        file: A regular file.
        notes: Gets every line that can't be read.
        name: What the file is called in notes; empty when there is only one.
    """
    stem = file.parent.name if file.stem == "events" else file.stem
    reader = _CopilotReader(Session(SOURCE, stem), notes)
    for where, line in objects(file, notes, name):
        reader.take(where, line)
    return reader.session


class _CopilotReader:
    def __init__(self, session: Session, notes: Notes) -> None:
        self.session = session
        self._notes = notes
        self._place: dict[str, Any] = {}
        self._model = ""
        self._plans = False
        self._calls: dict[str, ToolCall] = {}

    def take(self, where: str, line: dict[str, Any]) -> None:
        """Adds a line to the session."""
        kind, data, at = line.get("type"), line.get("data"), moment(line.get("timestamp"))
        if not isinstance(kind, str) or not isinstance(data, dict):
            self._notes.skip(where, "not a line of a session")
            return
        if at is None:
            self._notes.skip(where, "has no time")
            return
        self._place["at"] = at
        is_mine = not data.get("parentToolCallId") and not line.get("agentId")
        if kind == "user.message" and is_mine:
            self._prompt(where, line, data)
        elif kind == "assistant.message":
            self._reply(data, is_mine=is_mine)
        elif kind == "tool.execution_start":
            self._call(data)
        elif kind == "tool.execution_complete":
            self._answer(data)
        elif kind == "abort":
            self.session.add(Interrupt(**self._place))
        elif kind == "session.error":
            text = str(data.get("message") or "the session reports an error")
            self.session.add(ServiceError(**self._place, text=text, trouble=trouble(text)))
        elif kind.startswith("session."):
            self._setting(data)

    def _setting(self, data: dict[str, Any]) -> None:
        """What holds from now on: directory, branch, repository, model, mode."""
        if isinstance(data.get("sessionId"), str):
            self.session.id = data["sessionId"]
        context = data.get("context") if isinstance(data.get("context"), dict) else data
        assert isinstance(context, dict)
        for name in ("cwd", "branch"):
            if isinstance(context.get(name), str):
                self._place[name] = context[name]
        self.session.remote = str(context.get("repository") or self.session.remote)
        self.session.commit = str(context.get("headCommit") or self.session.commit)
        self._model = str(data.get("newModel") or data.get("selectedModel") or self._model)
        if isinstance(data.get("newMode"), str):
            self._plans = data["newMode"] == "plan"

    def _prompt(self, where: str, line: dict[str, Any], data: dict[str, Any]) -> None:
        text = str(data.get("content") or "").strip()
        if not text:
            return
        if data.get("source") not in (None, "", "user"):
            self.session.add(Notice(**self._place, text=text[:1_000]))
            return
        self.session.add(
            Prompt(
                **self._place,
                text=text,
                where=where,
                name=str(line.get("id") or f"{self.session.id}:{self._place['at'].isoformat()}"),
                in_plan_mode=self._plans or data.get("agentMode") == "plan",
            )
        )

    def _reply(self, data: dict[str, Any], *, is_mine: bool) -> None:
        self._model = str((data.get("model") if is_mine else "") or self._model)
        tokens = int(number(data.get("outputTokens")))
        self.session.add(Usage(**self._place, model=self._model, tokens=tokens))
        text = str(data.get("content") or "").strip()
        if is_mine and text:
            self.session.add(Reply(**self._place, text=text))

    def _call(self, data: dict[str, Any]) -> None:
        name = str(data.get("mcpToolName") or data.get("toolName"))
        given = _arguments(data.get("arguments"))
        action = Action.RECORD if name.endswith(RECORDING_TOOL) else _ACTIONS.get(name)
        file, command = given.get("path") or given.get("file_path"), given.get("command")
        call = ToolCall(
            **self._place,
            tool=name,
            action=action or Action.OTHER,
            command=command if action is Action.RUN and isinstance(command, str) else "",
            files=(file,) if action is Action.EDIT and isinstance(file, str) else (),
        )
        self._calls[str(data.get("toolCallId"))] = call
        self.session.add(call)

    def _answer(self, data: dict[str, Any]) -> None:
        call = self._calls.pop(str(data.get("toolCallId")), None)
        if call is None:
            return
        is_failure = data.get("success") is False
        text = _told(data.get("error") or data.get("result"))
        code = _STATUS.search(text[-200:]) if call.action is Action.RUN else None
        status = int(code[1]) if code else None
        call.answered = self._place["at"]
        call.is_rejected = is_failure and bool(_REFUSED.search(text[:200]))
        call.answer(text, failed=is_failure or bool(status), status=status)


def _arguments(given: object) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return {}
    return given if isinstance(given, dict) else {}


def _told(value: object) -> str:
    """The text in a result or an error."""
    if isinstance(value, dict):
        value = value.get("content") or value.get("message") or value.get("detailedContent")
    return value if isinstance(value, str) else ""
