"""Reads the sessions of Codex: `rollout-*.jsonl`, one file per session, later compressed.

Since late 2025 each line has a time, a type and a payload; before, lines were the bare payloads and
only the first one had a time. Both are read. A session that was forked from another, as those of
subagents are, begins with the other's lines; its own id is in the first line, and the repeated
lines are skipped (`codex_replay`). What subagents did is added where the agent started them. Tool
calls are parsed by `codex_calls`.
"""

import re
from datetime import datetime
from pathlib import Path

from mcp_learning.clients.transcripts import codex_calls as calls
from mcp_learning.clients.transcripts.codex_replay import RepeatedLines
from mcp_learning.clients.transcripts.events import Action, Prompt, ToolCall
from mcp_learning.clients.transcripts.reading import NO_SESSION, NO_TIME, Line, SessionReader
from mcp_learning.clients.transcripts.sessions import Session, SubagentSession, text_of
from mcp_learning.clients.transfer.imported import Notes, files_below
from mcp_learning.clients.transfer.lines import COMPRESSED, read_objects
from mcp_learning.clients.values import as_number, as_object, home_directory, parse_time

SOURCE = "codex"

_ID = re.compile(r"[A-Za-z0-9-]{8,100}")
_DIRECTORIES = ("sessions", "archived_sessions")  # of sessions, in the home of Codex

# What the client itself puts into a session in the user's name.
_FROM_CLIENT = re.compile(
    r"\s*(?:<(?P<tag>[A-Za-z_][\w -]*)\b[^>]*>.*</(?P=tag)>\s*\Z"
    r"|<(?:user_instructions|environment_context|turn_aborted|INSTRUCTIONS|skill|user_action)>"
    r"|# AGENTS\.md instructions|Another language model started to solve this problem)",
    re.IGNORECASE | re.DOTALL,
)
_REQUEST = "## My request for Codex:"  # after what an editor adds to the prompt
_PLAN_TAG = re.compile(r"</?proposed_plan>\s*")
_ACCEPTED = "Implement the plan."  # the client's prompt when the user accepts a plan
_FRESH_CONTEXT = re.compile(r"\AA previous agent produced the plan below [^\n]*\n\s*")


def default_directory() -> Path:
    """The home of Codex."""
    return home_directory("CODEX_HOME", ".codex")


def files(path: Path, notes: Notes) -> list[Path]:
    """As `files_below`; the directory may be the home of Codex."""
    homes = [path / name for name in _DIRECTORIES if (path / name).is_dir()] or [path]
    found = [file for home in homes for file in files_below(home, notes, "*.jsonl", "*.jsonl.zst")]
    plain = set(found)
    once = []
    for file in found:
        if file.suffix == COMPRESSED and file.with_suffix("") in plain:
            notes.skip(str(file), "compressed copy of a session that is there")
        else:
            once.append(file)
    return once


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session with its subagents; blocks."""
    session = Session(SOURCE, file.name.partition(".")[0])
    _read(session, file, notes, name, set())
    return session


def _read(session: Session, file: Path, notes: Notes, name: str, known: set[str]) -> None:
    """Reads a file into a session; `known` are the ids of subagents that were already read."""
    reader = _CodexReader(session, notes, file.parent, known)
    reader.read(read_objects(file, notes, name))
    reader.take_held()


def _file_of(name: str, directory: Path) -> Path | None:
    """The file of a subagent, beside that of its session or in the directory of another day."""
    if not _ID.fullmatch(name):
        return None
    found = (
        file
        for place, days in ((directory, ""), (directory.parent, "*/"))
        for ending in (".jsonl", f".jsonl{COMPRESSED}")
        for file in sorted(place.glob(f"{days}rollout-*{name}{ending}"))
    )
    return next(found, None)


class _CodexReader(SessionReader):
    def __init__(self, session: Session, notes: Notes, directory: Path, known: set[str]) -> None:
        super().__init__(session, notes)
        self._directory = directory
        self._subagents = known
        self._began: datetime | None = None
        self._model = ""
        self._plans = False
        self._prompts = 0
        self._has_events = False
        self._held: list[tuple[str, str, datetime]] = []
        self._fresh: Prompt | None = None
        self._last = ""
        self._total: object = None
        self._open = calls.OpenCalls()
        self._questions: dict[str, list[Line]] = {}
        self._replay: RepeatedLines | None = None

    def take(self, where: str, line: Line) -> None:
        kind, payload = line.get("type"), line.get("payload")
        if "payload" not in line:  # the first form
            kind, payload = ("response_item" if kind else "session_meta"), line
            if kind == "session_meta" and not {"id", "record_type"} & line.keys():
                self.notes.skip(where, NO_SESSION)
                return
        if not isinstance(kind, str) or not isinstance(payload, dict):
            self.notes.skip(where, NO_SESSION)
            return
        self.place["at"] = parse_time(line.get("timestamp")) or self._began
        if kind == "session_meta":
            self._begin(payload)
        elif self._replay is not None and self._replay.has(payload, self.place["at"]):
            return
        elif kind == "turn_context":
            self._turn(payload)
        elif kind == "response_item":
            self._item(where, payload)
        elif kind == "event_msg":
            self._event(where, payload)

    def _begin(self, payload: Line) -> None:
        if "id" not in payload:
            return
        if self._began is not None:
            if str(payload["id"]) != self.session.id:
                self._replay = RepeatedLines(self.session.id, self.place["at"])
            return
        self.session.id = str(payload["id"])
        self.session.parent = calls.parent(payload)
        self._began = parse_time(payload.get("timestamp")) or self.place["at"]
        self.place["cwd"] = str(payload.get("cwd") or "")
        git = as_object(payload.get("git"))
        self.place["branch"] = str(git.get("branch") or "")
        self.session.commit = str(git.get("commit_hash") or "")
        self.session.remote = str(git.get("repository_url") or "")

    def _turn(self, payload: Line) -> None:
        """Settings of a turn, which come before its prompt or right after it."""
        self._model = str(payload.get("model") or self._model)
        self.place["cwd"] = str(payload.get("cwd") or self.place.get("cwd", ""))
        self._plans = as_object(payload.get("collaboration_mode")).get("mode") == "plan"
        if self._fresh is not None:
            self._fresh.cwd, self._fresh.in_plan_mode = self.place["cwd"], self._plans

    def _event(self, where: str, payload: Line) -> None:
        kind, text = str(payload.get("type")), str(payload.get("message") or "")
        if kind == "user_message":
            self._has_events = True
            self._held.clear()  # the message had the same prompt, with additions
            self._asked(where, text, self.place["at"])
        elif self.place["at"] is None:
            return
        elif kind == "agent_message":
            self._said(text)
        elif kind == "turn_aborted" and payload.get("reason") != "replaced":
            self.interrupt()
        elif kind == "error":
            self._failed(text)
        elif kind in ("task_complete", "turn_complete"):
            self._ended(payload)
        elif kind == "token_count":
            self._use(payload.get("info"))
        elif kind == "patch_apply_end":
            self._open.patched(payload)
        elif kind == "exec_command_end":
            self._open.ended(payload)
        else:
            self._mode(where, kind, payload)

    def _mode(self, where: str, kind: str, payload: Line) -> None:
        """Settings and requests of the user other than prompts."""
        settings, item = payload.get("thread_settings"), as_object(payload.get("item"))
        if kind == "thread_settings_applied" and isinstance(settings, dict):
            self._turn(settings)
        elif kind == "entered_review_mode":
            hint = str(payload.get("user_facing_hint") or "")
            self._asked(where, f"/review {hint}".strip(), self.place["at"])
        elif kind == "exited_review_mode":
            self._said(calls.review(payload.get("review_output")))
        elif kind == "item_completed" and item.get("type") == "Plan":
            self._said(str(item.get("text") or ""))
        else:
            self._delegated(calls.started_agents(payload))

    def _delegated(self, names: list[str]) -> None:
        """Adds what subagents did that the agent has started; several lines may name one."""
        for name in names:
            file = None if name in self._subagents else _file_of(name, self._directory)
            self._subagents.add(name)
            if file is not None:
                work = SubagentSession(SOURCE)
                # Lines that can't be read are counted when the file is read for itself.
                _read(work, file, Notes(), "", self._subagents)
                if work.parent:
                    self.session.add_delegated(work)

    def _ended(self, payload: Line) -> None:
        """The end of a turn, which may be the only line with the last reply or the error."""
        self._said(str(payload.get("last_agent_message") or ""))
        error = payload.get("error")
        if isinstance(error, dict):
            self._failed(str(error.get("message") or ""))

    def _failed(self, text: str) -> None:
        self.fail(text or "the session reports an error")

    def _use(self, info: object) -> None:
        """Adds tokens; the same count may be reported several times."""
        last = as_object(info).get("last_token_usage")
        total = as_object(info).get("total_token_usage")
        if isinstance(last, dict) and (total is None or total != self._total):
            self._total = total
            fresh = as_number(last.get("input_tokens")) - as_number(last.get("cached_input_tokens"))
            self.use(self._model, max(fresh, 0) + as_number(last.get("output_tokens")))

    def _item(self, where: str, payload: Line) -> None:
        kind, at = str(payload.get("type")), self.place["at"]
        if kind == "message" and payload.get("role") == "user":
            if not self._has_events and (text := _told(payload.get("content"))):
                self._held.append((where, text, at))
            return
        if at is None:
            return
        if kind == "message" and payload.get("role") == "assistant":
            self._said(text_of(payload.get("content")))
        elif kind in calls.CALLS:
            self.take_held()
            self._called(payload)
        elif kind in calls.OUTPUTS:
            call = self._open.answered(payload, at)
            if call is not None and call.action is Action.DELEGATE:
                self._delegated(calls.answered_agents(payload))
            name = str(payload.get("call_id"))
            asked = self._questions.pop(name, [])
            questions = [str(one.get("question")) for one in asked]
            said = calls.answers(payload, asked)
            self.answer(questions, said, where, f"{self.session.id}:{name}")

    def take_held(self) -> None:
        """Adds the prompts of a session without events; otherwise the events have them."""
        held, self._held = self._held, []
        if not self._has_events:
            for where, text, at in held:
                self._asked(where, text, at)

    def _said(self, text: str) -> None:
        """Adds a reply once: it comes as an item and as an event, in either order."""
        self.take_held()
        text = _PLAN_TAG.sub("", text).strip()
        if text and text != self._last:
            self._last, self._fresh = text, None
            self.reply(text)
            self.use(self._model)

    def _called(self, payload: Line) -> None:
        self._fresh = None
        found = calls.called(payload)
        place = self.place | ({"cwd": found.cwd} if found.cwd else {})
        call = ToolCall(
            **place, tool=found.tool, action=found.action, command=found.command, files=found.files
        )
        if asked := calls.questions(payload):
            self._questions[str(payload.get("call_id"))] = asked
        if found.action is not Action.OTHER or not self._open.resumed(found, payload):
            self._open.add(call, payload)
            self.session.add(call)

    def _asked(self, where: str, text: str, at: datetime | None) -> None:
        prompt = _FRESH_CONTEXT.sub("", text.rpartition(_REQUEST)[2].strip())
        if not prompt or _FROM_CLIENT.match(prompt):
            return
        self._prompts += 1
        if at is None:
            self.notes.skip(where, NO_TIME)
            return
        name = f"{self.session.id}:{self._prompts}"
        found = self.prompt(prompt, where, name, in_plan_mode=self._plans)
        found.at = at
        found.is_answer = prompt == _ACCEPTED and self._has_planned()
        self._fresh, self._last = found, ""
        self.session.add(found)

    def _has_planned(self) -> bool:
        last = next((one for one in reversed(self.session.events) if isinstance(one, Prompt)), None)
        return last is not None and last.in_plan_mode


def _told(content: object) -> str:
    """The user's texts in a message, without those that the client added."""
    blocks = content if isinstance(content, list) else [content]
    texts = (text_of([one]) if isinstance(one, dict) else text_of(one) for one in blocks)
    return "\n".join(text for text in texts if text.strip() and not _FROM_CLIENT.match(text))
