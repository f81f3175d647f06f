"""Reads the sessions of Gemini CLI: `session-*.json`, later `.jsonl`, below `tmp/PROJECT/chats`.

A file is an object with all messages, or has one message a line. Then a repeated message replaces
the earlier one, and `$rewindTo` removes that message and those after it. Subagents have files of
their own in the directory SESSION beside it; what they did belongs to the task at that time.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from mcp_learning.clients.transcripts.events import Action, Trouble
from mcp_learning.clients.transcripts.reading import (
    NO_SESSION,
    NO_TIME,
    Line,
    SessionReader,
    trouble,
)
from mcp_learning.clients.transcripts.sessions import Session, SubagentSession, text_of
from mcp_learning.clients.transfer.imported import Notes, files_below
from mcp_learning.clients.transfer.lines import read_objects
from mcp_learning.clients.values import (
    as_number,
    as_object,
    as_objects,
    as_text,
    home_directory,
    parse_json,
    parse_time,
)

SOURCE = "gemini"

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_LARGEST_FILE = 64 * 2**20  # bytes of a session in one object that is read
_ACTIONS = {
    "run_shell_command": Action.RUN,
    "replace": Action.EDIT,
    "edit": Action.EDIT,
    "write_file": Action.EDIT,
    "ask_user": Action.ASK,
    "exit_plan_mode": Action.PLAN,
}
_CONTEXT = re.compile(r"<(?P<tag>[a-z_]+)>.*</(?P=tag)>\s*\Z", re.DOTALL)
_ADDED = re.compile(  # by the client, or by its editor
    r"\n(?:-{3} Content from referenced files -{3}|(?:Current File Path|Current Selection):\n```"
    r"|User Selected Files:\n- |PRIOR CHAT HISTORY:\n).*",
    re.DOTALL,
)
_CLIENT = re.compile(  # what the client itself says to the model
    r"System: Please continue\.\Z|You have exceeded the (?:maximum number of turns|time limit)\b"
    r"|Background execution update:\n"
    r"|Your task is to do a deep investigation of the codebase to find all relevant files\b"
)
_STEERING = re.compile(  # what the user says while the agent works
    r"User (?:steering update|hints):\s*(?:<user_input>|\")?\s*(?P<said>.*?)\s*"
    r"(?:</user_input>|\")?\s*Internal instruction: .*",
    re.DOTALL,
)
_STATUS = re.compile(  # after what the command printed
    r"^Exit Code: (\d+)(?:\n(?:Signal|Background PIDs|Process Group PGID): [^\n]*)*\s*\Z",
    re.MULTILINE,
)
_HEAD = re.compile(r"\A(?:Command: .*?^)?(?:Output|Stdout): ?", re.DOTALL | re.MULTILINE)
_TRAILER = re.compile(
    r"(?:^(?:Exit Code|Signal|Background PIDs|Process Group PGID): [^\n]*\n?){1,4}\Z", re.MULTILINE
)
_DIRECTORY = re.compile(r"^Directory: (/\S.*|[A-Za-z]:\S.*)$", re.MULTILINE)
_PRINTED = re.compile(r"^(?:Output|Stdout):", re.MULTILINE)
_API_ERROR = "[API Error"  # other errors are the client's, such as a failed update
_CANCELLED = re.compile(r"request cancelled|cancelled by (?:the )?user", re.IGNORECASE)


def default_directory() -> Path:
    """Where Gemini CLI keeps its sessions."""
    return home_directory("GEMINI_CLI_HOME", "") / ".gemini" / "tmp"


def files(path: Path, notes: Notes) -> list[Path]:
    """As `files_below`."""
    return files_below(path, notes, "session-*.json", "*.jsonl")


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session with its subagents; blocks."""
    session = Session(SOURCE, file.stem)
    reader = _GeminiReader(session, notes)
    reader.place["cwd"] = _project(file)
    messages = list(_messages(session, file, notes, name))
    reader.subagents = [] if session.parent else _subagents(file.parent, session.id)
    reader.read(messages)
    reader.take_subagents()
    return session


def _subagents(directory: Path, session: str) -> list[SubagentSession]:
    """What the subagents of a session did, in the order of their first events."""
    found = []
    notes = Notes()  # of lines that are counted when their file is read for itself
    place = directory / session
    if _ID.fullmatch(session) and place.is_dir():
        for file in files(place, notes):
            work = SubagentSession(SOURCE, file.stem)
            _GeminiReader(work, notes).read(_messages(work, file, notes, ""))
            if work.parent and work.events:
                found.append(work)
    return sorted(found, key=lambda work: work.events[0].at)


def _messages(session: Session, file: Path, notes: Notes, name: str) -> Iterator[tuple[str, Line]]:
    """The messages that remain at the end, each with its position."""
    found: dict[str, tuple[str, Line]] = {}
    told = read_objects(file, notes, name) if file.suffix == ".jsonl" else _whole(file, notes, name)
    for where, record in told:
        values = record["$set"] if isinstance(record.get("$set"), dict) else record
        if isinstance(values.get("sessionId"), str):
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
            notes.skip(where, NO_SESSION)
    yield from found.values()


def _whole(file: Path, notes: Notes, name: str) -> Iterator[tuple[str, Line]]:
    """A session in one object: its properties, and its messages."""
    where = name or file.name
    try:
        size = file.stat().st_size
        notes.done += size
        if size > _LARGEST_FILE:
            notes.skip(where, f"longer than {_LARGEST_FILE // 2**20} MB")
            return
        session = json.loads(file.read_bytes())
    except OSError as error:
        notes.skip(where, "can't be read", error.strerror or "")
        return
    except (ValueError, RecursionError):
        notes.skip(where, "not JSON")
        return
    messages = as_object(session).get("messages")
    if not isinstance(messages, list):
        notes.skip(where, "not a session")
        return
    about = {name: session[name] for name in ("sessionId", "kind") if name in session}
    yield where, about | {"lastUpdated": None}
    for place, message in enumerate(messages, 1):
        if isinstance(message, dict):
            yield f"{where}, message {place}", {"id": f"message {place}"} | message


def _project(file: Path) -> str:
    """The directory of the project, which newer versions write beside its sessions."""
    for above in file.parents[:3]:
        root = above / ".project_root"
        with suppress(OSError):
            if root.is_file():
                return root.read_text(encoding="utf-8", errors="replace").strip()
    return ""


class _GeminiReader(SessionReader):
    def __init__(self, session: Session, notes: Notes) -> None:
        super().__init__(session, notes)
        self.subagents: list[SubagentSession] = []

    def take_subagents(self, until: datetime | None = None) -> None:
        """Adds what subagents did that began before a time, or all of them."""
        while self.subagents and (until is None or self.subagents[0].events[0].at < until):
            self.session.add_delegated(self.subagents.pop(0))

    def take(self, where: str, line: Line) -> None:
        at = parse_time(line.get("timestamp"))
        if at is None:
            self.notes.skip(where, NO_TIME)
            return
        self.take_subagents(at)
        self.place["at"] = at
        said = text_of(line.get("content")).strip()
        match line.get("type"):
            case "user":
                self._asked(where, line, said)
            case "gemini":
                self._said(where, line, said)
            case "error" if _API_ERROR in said or trouble(said) is not Trouble.ERROR:
                self.fail(said)
            case "info" if _CANCELLED.search(said):
                self.interrupt()

    def _asked(self, where: str, message: Line, said: str) -> None:
        shown = text_of(message.get("displayContent")).strip() or said
        asked = _ADDED.sub("", shown).strip()
        steering = _STEERING.fullmatch(asked)
        if _CLIENT.match(asked):
            self.notice(asked)
        elif asked and not _CONTEXT.match(asked):
            said = steering["said"] if steering else asked
            prompt = self.prompt(said, where, f"{self.session.id}:{message['id']}")
            prompt.is_queued = steering is not None
            self.session.add(prompt)

    def _said(self, where: str, message: Line, said: str) -> None:
        usage = message.get("tokens")
        if isinstance(usage, dict):
            fresh = as_number(usage.get("input")) - as_number(usage.get("cached"))
            tokens = max(fresh, 0) + as_number(usage.get("output"))
            self.use(str(message.get("model") or ""), tokens)
        if said:
            self.reply(said)
        for call in as_objects(message.get("toolCalls")):
            self._called(where, call)

    def _called(self, where: str, given: Line) -> None:
        told, state = _answer(given), given.get("status")
        name = str(given.get("name"))
        is_run = _ACTIONS.get(name) is Action.RUN
        if is_run and (directory := _DIRECTORY.search(_PRINTED.split(told, 1)[0])):
            self.place["cwd"] = directory[1].strip()
        call = self.call(name, given.get("args"), _ACTIONS, ("file_path",))
        code = _STATUS.search(told) if is_run else None
        is_fine = is_run and state == "success"
        status = int(code[1]) if code else 0 if is_fine else None
        printed = _TRAILER.sub("", _HEAD.sub("", told)).strip() if is_run else told
        call.answer(printed, failed=state in ("error", "cancelled") or bool(status), status=status)
        call.is_rejected = state == "cancelled"
        call.failed = None if state not in ("success", "error", "cancelled") else call.failed
        call.answered = max(call.at, parse_time(given.get("timestamp")) or call.at)
        self.session.add(call)
        if call.action is Action.ASK and state == "success":
            asked = as_objects(as_object(given.get("args")).get("questions"))
            answers = as_object(as_object(parse_json(told, None)).get("answers"))
            said = [as_text(answers.get(str(number))) for number in range(len(asked))]
            questions = [as_text(one.get("question")) for one in asked]
            self.answer(questions, said, where, f"{self.session.id}:{given.get('id')}")


def _answer(given: Line) -> str:
    """The output of a tool: the one for the model, or else the one for the user."""
    for part in as_objects(given.get("result")):
        answer = as_object(as_object(part.get("functionResponse")).get("response"))
        told = answer.get("output") or answer.get("error")
        if isinstance(told, str):
            return told
    return as_text(given.get("resultDisplay"))
