"""Reads the sessions of Copilot CLI: `events.jsonl` in a directory per session.

The events are those of its public SDK: each line has a type, a time, an id and data. Of subagents,
whose events have the id of the call that started them, only the tool calls are read.
"""

import re
from pathlib import Path

from mcp_learning.clients.transcripts.events import Action
from mcp_learning.clients.transcripts.reading import NO_SESSION, NO_TIME, Line, SessionReader
from mcp_learning.clients.transcripts.sessions import Session
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.lines import read_objects
from mcp_learning.clients.values import (
    as_number,
    as_object,
    as_text,
    home_directory,
    parse_json,
    parse_time,
)

SOURCE = "copilot"

_EDITOR = "str_replace_editor"  # which also shows files
_ACTIONS = {
    **dict.fromkeys(("bash", "powershell", "shell"), Action.RUN),
    **dict.fromkeys(("edit", "create", _EDITOR, "apply_patch"), Action.EDIT),
    "exit_plan_mode": Action.PLAN,
    "ask_user": Action.ASK,
    "task": Action.DELEGATE,
}
_CONTEXT = re.compile(  # which older versions added to the prompt itself
    r"<current_datetime>[^<]{0,60}</current_datetime>|<reminder>.{0,2000}?</reminder>", re.DOTALL
)
_STATUS = re.compile(r"exit(?:ed with exit)? code:? (-?\d+)")
_ANSWERED = re.compile(
    r"User (?:selected|responded): (?!The user is not available)(?P<said>.+)", re.DOTALL
)
_REFUSED = re.compile(r"\b(?:denied|rejected|declined)\b", re.IGNORECASE)


def default_directory() -> Path:
    """Where Copilot CLI keeps its sessions."""
    return home_directory("COPILOT_HOME", ".copilot") / "session-state"


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session; blocks."""
    stem = file.parent.name if file.stem == "events" else file.stem
    return _CopilotReader(Session(SOURCE, stem), notes).read(read_objects(file, notes, name))


class _CopilotReader(SessionReader):
    def __init__(self, session: Session, notes: Notes) -> None:
        super().__init__(session, notes)
        self._model = ""
        self._plans = False
        self._questions: dict[str, str] = {}

    def take(self, where: str, line: Line) -> None:
        kind, data, at = line.get("type"), line.get("data"), parse_time(line.get("timestamp"))
        if not isinstance(kind, str) or not isinstance(data, dict):
            self.notes.skip(where, NO_SESSION)
            return
        if at is None:
            self.notes.skip(where, NO_TIME)
            return
        self.place["at"] = at
        is_mine = not data.get("parentToolCallId") and not line.get("agentId")
        if kind == "user.message" and is_mine:
            self._asked(where, line, data)
        elif kind == "assistant.message":
            self._said(data, is_mine=is_mine)
        elif kind == "tool.execution_start":
            self._started(data)
        elif kind == "tool.execution_complete":
            self._answer(where, data)
        elif kind == "abort":
            self.interrupt()
        elif kind == "session.error" and data.get("errorType") != "mcp":
            self.fail(str(data.get("message") or "the session reports an error"))
        elif kind.startswith("session."):
            self._setting(data)

    def _setting(self, data: Line) -> None:
        """Settings from now on: directory, branch, repository, model, mode."""
        if isinstance(data.get("sessionId"), str):
            self.session.id = data["sessionId"]
        context = data["context"] if isinstance(data.get("context"), dict) else data
        for name in ("cwd", "branch"):
            if isinstance(context.get(name), str):
                self.place[name] = context[name]
        self.session.remote = str(context.get("repository") or self.session.remote)
        self.session.commit = str(context.get("headCommit") or self.session.commit)
        self._model = str(data.get("newModel") or data.get("selectedModel") or self._model)
        if isinstance(data.get("newMode"), str):
            self._plans = data["newMode"] == "plan"

    def _asked(self, where: str, line: Line, data: Line) -> None:
        said = _CONTEXT.sub("", str(data.get("content") or "")).strip()
        if not said:
            return
        if data.get("source") not in (None, "", "user"):
            self.notice(said)
            return
        name = str(line.get("id") or f"{self.session.id}:{self.place['at'].isoformat()}")
        plans = self._plans or data.get("agentMode") == "plan"
        self.session.add(self.prompt(said, where, name, in_plan_mode=plans))

    def _said(self, data: Line, *, is_mine: bool) -> None:
        self._model = str((data.get("model") if is_mine else "") or self._model)
        self.use(self._model, as_number(data.get("outputTokens")))
        said = str(data.get("content") or "").strip()
        if is_mine and said:
            self.reply(said)

    def _started(self, data: Line) -> None:
        name = str(data.get("mcpToolName") or data.get("toolName"))
        given = data.get("arguments")
        given = parse_json(given, given) if isinstance(given, str) else given
        is_view = name == _EDITOR and as_object(given).get("command") == "view"
        actions = {} if is_view else _ACTIONS
        call = self.call(name, given, actions, ("path", "file_path"))
        self.calls[str(data.get("toolCallId"))] = call
        if call.action is Action.ASK:
            self._questions[str(data.get("toolCallId"))] = as_text(as_object(given).get("question"))
        self.session.add(call)

    def _answer(self, where: str, data: Line) -> None:
        name = str(data.get("toolCallId"))
        call = self.calls.pop(name, None)
        if call is None:
            return
        is_failure = data.get("success") is False
        told = _told(data.get("error") or data.get("result"))
        codes = _STATUS.findall(told[-200:]) if call.action is Action.RUN else []
        status = int(codes[-1]) if codes else None
        call.answered = self.place["at"]
        call.is_rejected = is_failure and bool(_REFUSED.search(told[:200]))
        call.answer(told, failed=is_failure or bool(status), status=status)
        if name in self._questions and (said := _ANSWERED.fullmatch(told)):
            asked = self._questions.pop(name)
            self.answer([asked], [said["said"].strip()], where, f"{self.session.id}:{name}")


def _told(value: object) -> str:
    """The text in a result or an error."""
    if isinstance(value, dict):
        value = value.get("content") or value.get("message") or value.get("detailedContent")
    return as_text(value)
