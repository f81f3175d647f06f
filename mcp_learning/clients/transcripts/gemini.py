"""Reads the sessions of Gemini CLI: `session-*.json`, later `.jsonl`, below `tmp/PROJECT/chats`.

A file is an object with all messages, or a line for each. In lines, a message that is told again
replaces the one before, and `$rewindTo` takes back that message and those after it.
"""

import json
import os
import re
from collections.abc import Iterator
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
from mcp_learning.clients.transfer.imported import Notes, files_below
from mcp_learning.clients.transfer.lines import objects
from mcp_learning.clients.values import moment, number

SOURCE = "gemini"

LARGEST_FILE = 64 * 2**20
"""Bytes of a session in one object that is read."""

_ACTIONS = {
    "run_shell_command": Action.RUN,
    "replace": Action.EDIT,
    "edit": Action.EDIT,
    "write_file": Action.EDIT,
    "ask_user": Action.ASK,
    "exit_plan_mode": Action.PLAN,
}
_CONTEXT = re.compile(r"<(?P<tag>[a-z_]+)>.*</(?P=tag)>\s*\Z", re.DOTALL)
_REFERENCED = re.compile(r"\n-{3} Content from referenced files -{3}.*", re.DOTALL)
_STATUS = re.compile(r"^Exit Code: (\d+)", re.MULTILINE)
_DIRECTORY = re.compile(r"^Directory: (/\S.*|[A-Za-z]:\S.*)$", re.MULTILINE)
_CANCELLED = re.compile(r"request cancelled|cancelled by (?:the )?user", re.IGNORECASE)


def default_directory() -> Path:
    """Where Gemini CLI keeps its sessions."""
    home = os.environ.get("GEMINI_CLI_HOME")
    return (Path(home) if home else Path.home()) / ".gemini" / "tmp"


def files(path: Path, notes: Notes) -> list[Path]:
    """The file `path`, or all files of sessions below the directory.

    Raises:
        InvalidInput: There is nothing of that name.
    """
    return files_below(path, notes, "session-*.json", "*.jsonl")


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session; blocks.

    Args:
        file: A regular file.
        notes: Gets what can't be read.
        name: What the file is called in notes; empty when there is only one.
    """
    session = Session(SOURCE, file.stem)
    reader = _GeminiReader(session, _project(file), notes)
    for where, message in _messages(session, file, notes, name):
        reader.take(where, message)
    return session


def _messages(
    session: Session, file: Path, notes: Notes, name: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The messages that hold in the end, each with its place."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    told = objects(file, notes, name) if file.suffix == ".jsonl" else _whole(file, notes, name)
    for where, record in told:
        values = record.get("$set") if isinstance(record.get("$set"), dict) else record
        if isinstance(values, dict) and isinstance(values.get("sessionId"), str):
            session.id = values["sessionId"]
            if values.get("kind") == "subagent":
                session.parent = file.parent.name
        if "$rewindTo" in record:
            ids = list(found)
            for taken in ids[ids.index(record["$rewindTo"]) if record["$rewindTo"] in ids else 0 :]:
                del found[taken]
        elif isinstance(record.get("id"), str):
            found[record["id"]] = (where, record)
        elif not record.keys() & {"$set", "sessionId", "lastUpdated"}:
            notes.skip(where, "not a line of a session")
    yield from found.values()


def _whole(file: Path, notes: Notes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A session in one object: what it tells of itself, and its messages."""
    where = name or file.name
    size = file.stat().st_size
    notes.done += size
    if size > LARGEST_FILE:
        notes.skip(where, f"longer than {LARGEST_FILE // 2**20} MB")
        return
    try:
        session = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        notes.skip(where, "not JSON")
        return
    messages = session.get("messages") if isinstance(session, dict) else None
    if not isinstance(messages, list):
        notes.skip(where, "not a session")
        return
    yield (
        where,
        {name: session[name] for name in ("sessionId", "kind") if name in session}
        | {"lastUpdated": None},
    )
    for number_, message in enumerate(messages, 1):
        if isinstance(message, dict):
            known = {"id": f"message {number_}"} | message
            yield f"{where}, message {number_}", known


def _project(file: Path) -> str:
    """The directory of the project, which newer versions note beside its sessions."""
    for above in file.parents[:3]:
        root = above / ".project_root"
        if root.is_file():
            return root.read_text(encoding="utf-8", errors="replace").strip()
    return ""


class _GeminiReader:
    def __init__(self, session: Session, project: str, notes: Notes) -> None:
        self.session = session
        self._notes = notes
        self._place: dict[str, Any] = {"cwd": project}

    def take(self, where: str, message: dict[str, Any]) -> None:
        """Adds a message to the session."""
        at = moment(message.get("timestamp"))
        if at is None:
            self._notes.skip(where, "has no time")
            return
        self._place["at"] = at
        said = text_of(message.get("content")).strip()
        match message.get("type"):
            case "user":
                self._prompt(where, message, said)
            case "gemini":
                self._reply(message, said)
            case "error":
                self.session.add(ServiceError(**self._place, text=said, trouble=trouble(said)))
            case "info" if _CANCELLED.search(said):
                self.session.add(Interrupt(**self._place))

    def _prompt(self, where: str, message: dict[str, Any], said: str) -> None:
        shown = text_of(message.get("displayContent")).strip() or said
        text = _REFERENCED.sub("", shown).strip()
        if text and not _CONTEXT.match(text):
            name = f"{self.session.id}:{message['id']}"
            self.session.add(Prompt(**self._place, text=text, where=where, name=name))

    def _reply(self, message: dict[str, Any], said: str) -> None:
        usage = message.get("tokens")
        if isinstance(usage, dict):
            fresh = number(usage.get("input")) - number(usage.get("cached"))
            tokens = int(max(fresh, 0) + number(usage.get("output")))
            model = str(message.get("model") or "")
            self.session.add(Usage(**self._place, model=model, tokens=tokens))
        if said:
            self.session.add(Reply(**self._place, text=said))
        calls = message.get("toolCalls")
        for call in calls if isinstance(calls, list) else []:
            if isinstance(call, dict):
                self._call(call)

    def _call(self, given: dict[str, Any]) -> None:
        name, arguments = str(given.get("name")), given.get("args")
        values = arguments if isinstance(arguments, dict) else {}
        action = Action.RECORD if name.endswith(RECORDING_TOOL) else _ACTIONS.get(name)
        text = _answer(given)
        if directory := _DIRECTORY.search(text):
            self._place["cwd"] = directory[1].strip()
        file, command = values.get("file_path"), values.get("command")
        call = ToolCall(
            **self._place,
            tool=name,
            action=action or Action.OTHER,
            command=command if action is Action.RUN and isinstance(command, str) else "",
            files=(file,) if action is Action.EDIT and isinstance(file, str) else (),
        )
        code, state = _STATUS.search(text), given.get("status")
        status = (
            int(code[1]) if code else 0 if action is Action.RUN and state == "success" else None
        )
        call.answer(text, failed=state in ("error", "cancelled") or bool(status), status=status)
        call.is_rejected = state == "cancelled"
        call.failed = None if state not in ("success", "error", "cancelled") else call.failed
        call.answered = _later(moment(given.get("timestamp")), call.at)
        self.session.add(call)


def _answer(given: dict[str, Any]) -> str:
    """What a tool answered: to the model, or else to the user."""
    result = given.get("result")
    for part in result if isinstance(result, list) else []:
        response = part.get("functionResponse") if isinstance(part, dict) else None
        answer = response.get("response") if isinstance(response, dict) else None
        if isinstance(answer, dict):
            told = answer.get("output") or answer.get("error")
            if isinstance(told, str):
                return told
    shown = given.get("resultDisplay")
    return shown if isinstance(shown, str) else ""


def _later(one: datetime | None, other: datetime) -> datetime:
    return max(one, other) if one else other
