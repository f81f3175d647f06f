"""Reads the sessions of Claude Code: one file of JSON lines per session, below `projects`.

Texts that the client itself wrote into the session are no prompts (`claude_code_prompts`). Of
subagents only the tool calls are read. Their lines are among the others, or since version 2.1.2 in
`SESSION/subagents/agent-ID.jsonl`, beside the file of the session.
"""

import re
from datetime import datetime
from pathlib import Path

from mcp_learning.clients.transcripts import claude_code_prompts as prompts
from mcp_learning.clients.transcripts.events import Action, Prompt
from mcp_learning.clients.transcripts.reading import NO_SESSION, Line, SessionReader
from mcp_learning.clients.transcripts.sessions import Session, text_of
from mcp_learning.clients.transcripts.templates import beginning
from mcp_learning.clients.transfer.imported import Notes, files_below
from mcp_learning.clients.transfer.lines import read_objects
from mcp_learning.clients.values import (
    as_number,
    as_object,
    as_objects,
    as_text,
    home_directory,
    parse_time,
)

SOURCE = "claude-code"

_ACTIONS = {
    **dict.fromkeys(("Bash", "PowerShell"), Action.RUN),
    **dict.fromkeys(("Edit", "MultiEdit", "Write", "NotebookEdit"), Action.EDIT),
    **dict.fromkeys(("ExitPlanMode", "EnterPlanMode"), Action.PLAN),
    "AskUserQuestion": Action.ASK,
    **dict.fromkeys(("Task", "Agent"), Action.DELEGATE),
}
_TOOL_ERROR = re.compile(r"</?tool_use_error>")
_CANCELLED = re.compile(r"Sibling tool call errored|Cancelled: parallel tool call")
_EXIT_CODE = re.compile(r"(?:Error: )?Exit code (\d+)\b")
_INTERRUPTED = "[Request interrupted by user"
_REFUSED = re.compile(
    r"The user doesn't want to (?:proceed with this tool use|take this action)"
    r"|Request interrupted by user|\[Request interrupted by user|User rejected tool use"
)
_BACKGROUND = ("running in background", "running in the background", "moved to the background")
_SILENCE = "No response requested."
_SUBAGENTS = "subagents"
_SUBAGENT = re.compile(r"[A-Za-z0-9_-]{1,100}")


def default_directory() -> Path:
    """Where Claude Code keeps its sessions."""
    return home_directory("CLAUDE_CONFIG_DIR", ".claude") / "projects"


def files(path: Path, notes: Notes) -> list[Path]:
    """As `files_below`, without those of subagents, which are read with their session."""
    found = files_below(path, notes, "*.jsonl")
    own = {_subagents_of(file) for file in found}
    return [file for file in found if file.parent not in own]


def read(file: Path, notes: Notes, name: str = "") -> Session:
    """Reads a session with its subagents; blocks."""
    session = Session(SOURCE, file.stem)
    reader = _ClaudeCodeReader(session, notes, _subagents_of(file))
    return reader.read(read_objects(file, notes, name))


def _subagents_of(file: Path) -> Path:
    return file.with_suffix("") / _SUBAGENTS


class _ClaudeCodeReader(SessionReader):
    def __init__(self, session: Session, notes: Notes, subagents: Path) -> None:
        super().__init__(session, notes)
        self._subagents = subagents
        self._has_id = False
        self._message, self._counted = "", 0
        self._command: Prompt | None = None
        self._queue: list[str] = []
        self._absorbed = ""
        self._caveat: object = None
        self._names: set[str] = set()

    def take(self, where: str, line: Line) -> None:
        kind = line.get("type")
        if not isinstance(kind, str):
            self.notes.skip(where, NO_SESSION)
            return
        if self._is_repeated(line.get("uuid")):
            return
        at = parse_time(line.get("timestamp"))
        if kind in ("user", "assistant"):
            message = line.get("message")
            if not isinstance(message, dict) or at is None:
                self.notes.skip(where, "has no message, or no time")
                return
            self._move(line, at)
            if kind == "assistant":
                self._assistant(line, message)
            else:
                self._user(where, line, message)
        elif at is not None and kind == "attachment":
            self._move(line, at)
            self._attachment(where, line)
        elif at is not None and kind == "queue-operation":
            self._move(line, at)
            self._queued(where, line)

    def _is_repeated(self, name: object) -> bool:
        """Whether a line or a subagent was already read: resuming a session may copy its lines."""
        if not isinstance(name, str):
            return False
        is_known = name in self._names
        self._names.add(name)
        return is_known

    def _move(self, line: Line, at: datetime) -> None:
        """Sets the time, directory and branch of the next events."""
        found = {"cwd": as_text(line.get("cwd")), "branch": as_text(line.get("gitBranch"))}
        self.place |= {name: value for name, value in found.items() if value}
        self.place["at"] = at
        if not self._has_id and (session := line.get("sessionId")):
            self.session.id, self._has_id = str(session), True

    def _user(self, where: str, line: Line, message: Line) -> None:
        for block in as_objects(message.get("content")):
            if block.get("type") == "tool_result":
                self._answer(where, line, block)
        self._delegated(line)
        if line.get("isSidechain") is True:
            return
        text = text_of(message.get("content"))
        said = prompts.without_context(text)
        is_answer = self._answers_command(line, text)
        if not said:
            return
        if said.startswith(_INTERRUPTED):
            self.interrupt()
        elif is_answer or prompts.is_from_client(line, said):
            self._expansion(line, said)
        elif prompts.is_notice(line, said):
            self._notice(said)
        elif prompts.is_command(said):
            command = prompts.command(said)
            self._command = self._prompt(where, line, command) if command else None
        else:
            self._command = None
            self.session.add(self._prompt(where, line, said))

    def _answers_command(self, line: Line, text: str) -> bool:
        """Whether the client answers a command with it, such as that there is none."""
        follows = self._caveat is not None and line.get("parentUuid") == self._caveat
        if prompts.is_caveat(text):
            self._caveat = line.get("uuid")
        return follows and not prompts.is_command(text)

    def _delegated(self, line: Line) -> None:
        """Reads the file of the subagent that has answered, or was started in the background."""
        name = as_text(as_object(line.get("toolUseResult")).get("agentId"))
        file = self._subagents / f"agent-{name}.jsonl"
        if not _SUBAGENT.fullmatch(name) or self._is_repeated(name) or not file.is_file():
            return
        place = self.place.copy()
        for where, one in read_objects(file, self.notes, str(file.relative_to(file.parents[2]))):
            self.take(where, {**one, "isSidechain": True})
        self.place = place

    def _prompt(self, where: str, line: Line, said: str) -> Prompt:
        name = str(line.get("uuid") or f"{self.session.id}:{self.place['at'].isoformat()}")
        plans = line.get("permissionMode") == "plan"
        return self.prompt(said, where, name, in_plan_mode=plans)

    def _expansion(self, line: Line, said: str) -> None:
        """Decides by the client's line after a slash command whether that was for the agent."""
        if self._command is None:
            return
        if prompts.is_output(said):
            self._command = None
        elif line.get("isMeta") is True and not prompts.is_caveat(said):
            self._begin_command(beginning(said))

    def _begin_command(self, expanded: str = "") -> None:
        command, self._command = self._command, None
        if command is not None:
            if expanded and not command.text.partition(" ")[2]:
                command.text = f"{command.text}\n\n{expanded}"
            self.session.add(command)

    def _notice(self, said: str) -> None:
        """Adds a notice; if a background task has ended, also as the output of its call."""
        name, status = prompts.ended_task(said) or ("", None)
        if call := self.calls.get(name):
            call.answer(said, failed=bool(status), status=status)
            call.answered = self.place["at"]
        self.notice(said)

    def _attachment(self, where: str, line: Line) -> None:
        found = as_object(line.get("attachment"))
        if found.get("type") != "queued_command":
            return
        said = prompts.without_context(text_of(found.get("prompt")))
        is_task = found.get("commandMode") == "task-notification"
        if is_task or prompts.is_queued_notice(said):
            self._notice(said)
        elif prompts.is_human(found) and said and said != self._absorbed:
            self._take_queued(self._prompt(where, line, said))

    def _take_queued(self, prompt: Prompt) -> None:
        prompt.is_queued, self._absorbed = True, prompt.text
        if not prompts.is_local(prompt.text):
            self.session.add(prompt)

    def _queued(self, where: str, line: Line) -> None:
        """Reads a change of the queue: older versions record prompts sent meanwhile only in it."""
        content = line.get("content")
        match line.get("operation"):
            case "enqueue":
                self._queue.append(as_text(content))
            case "dequeue" if self._queue:
                self._queue.pop(0)
            case "popAll":
                self._queue.clear()
            case "remove" if self._queue:
                said = prompts.without_context(self._queue.pop(0))
                if said and said != self._absorbed and not prompts.is_queued_notice(said):
                    self._take_queued(self._prompt(where, line, said))

    def _assistant(self, line: Line, message: Line) -> None:
        is_mine = line.get("isSidechain") is not True
        said = text_of(message.get("content")).strip()
        if is_mine:
            self._begin_command()
        if line.get("isApiErrorMessage") is True:
            if is_mine:
                self.fail(said or "the request to the model failed")
            return
        self._use(line, message)
        if is_mine and said and said != _SILENCE:
            self.reply(said)
        for block in as_objects(message.get("content")):
            if block.get("type") == "tool_use":
                self._called(block)

    def _called(self, block: Line) -> None:
        given = as_object(block.get("input"))
        call = self.call(str(block.get("name")), given, _ACTIONS, ("file_path", "notebook_path"))
        plan = as_text(given.get("plan")).strip()
        if call.action is Action.PLAN and plan:  # it is shown to the user, as a reply is
            self.reply(plan)
        self.calls[str(block.get("id"))] = call
        self.session.add(call)

    def _answer(self, where: str, line: Line, block: Line) -> None:
        call = self.calls.get(str(block.get("tool_use_id")))
        if call is None:
            return
        told = _TOOL_ERROR.sub("", text_of(block.get("content"))).strip()
        is_error = block.get("is_error") is True
        if is_error and _CANCELLED.match(told):
            call.files = ()  # it never ran
            return
        call.answered = self.place["at"]
        call.is_rejected = is_error and bool(_REFUSED.match(told))
        call.answer(told, failed=is_error, status=None)
        if call.action is Action.RUN and not call.is_rejected:
            code = _EXIT_CODE.match(told)
            is_away = not is_error and any(sign in told[:200] for sign in _BACKGROUND)
            call.status = None if is_away else int(code[1]) if code else None if is_error else 0
            call.failed = None if is_away else is_error
        said = prompts.answer(told, is_rejected=call.is_rejected)
        if said and line.get("isSidechain") is not True:
            answer = self._prompt(where, line, said)
            answer.name, answer.is_answer = f"{answer.name}:answer", True
            self.session.add(answer)

    def _use(self, line: Line, message: Line) -> None:
        """Adds a message's tokens once: each of its parts is a line with the tokens so far."""
        usage, name = as_object(message.get("usage")), str(message.get("id") or "")
        kinds = ("input_tokens", "cache_creation_input_tokens", "output_tokens")
        total = int(sum(as_number(usage.get(kind)) for kind in kinds))
        before = self._counted if name and name == self._message else 0
        tokens = max(total - before, 0)
        self._message, self._counted = name, before + tokens
        model = str(message.get("model") or "").replace("<synthetic>", "")
        cost = as_number(line.get("costUSD")) or None
        if line.get("isSidechain") is True:
            model = ""
        if tokens or model or cost:
            self.use(model, tokens, cost)
