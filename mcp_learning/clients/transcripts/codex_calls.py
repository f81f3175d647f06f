"""Parses the tool calls of Codex and their outputs."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcp_learning.clients.transcripts.events import RECORDING_TOOL, Action, ToolCall
from mcp_learning.clients.transcripts.reading import patched_files
from mcp_learning.clients.transcripts.sessions import text_of
from mcp_learning.clients.values import as_object, as_objects, as_text, parse_json

CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "web_search_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})

_ASKS = "request_user_input"
_ACTIONS = {
    **dict.fromkeys(("shell", "shell_command", "exec_command", "container.exec"), Action.RUN),
    **dict.fromkeys(("local_shell", "local_shell_call", "unified_exec"), Action.RUN),
    "apply_patch": Action.EDIT,
    _ASKS: Action.ASK,
    "spawn_agent": Action.DELEGATE,
}
_CONTINUES = "write_stdin"
_SCRIPT = "exec"  # JavaScript that calls the other tools
_SCRIPTED = re.compile(r"""\bcmd:\s*(?P<quote>["'`])(?P<cmd>.*?)(?<!\\)(?P=quote)""", re.DOTALL)
_SCRIPTED_DIRECTORY = re.compile(r"""\bworkdir:\s*["'`](?P<cwd>[^"'`]+)["'`]""")
_STATUS = re.compile(r"""(?:Exit code|Process exited with code|"exit_code"):? ?(-?\d+)""")
_RUNNING = re.compile(r"Process running with session ID (\d+)")
_HEAD = re.compile(
    r"\A(?:(?:Chunk ID|Wall time|Exit code|Process exited|Original token count|Total output lines)"
    r"[^\n]*\n)+(?:Output:\n)?"
)
_REJECTED = re.compile(
    r"rejected by (?:the )?user|user (?:rejected|denied|declined)|aborted by user"
)
_FAILED = ("apply_patch verification failed", "Error:", "Script failed")
_LOOKED_AT = 1_000
_SHELLS = ("-lc", "-c", "-Command")


@dataclass(frozen=True)
class Called:
    """The arguments of a tool call, as in `ToolCall`.

    Attributes:
        cwd: Its working directory, if given.
        session: Id of the running command that gets the input; empty for other calls.
    """

    tool: str
    action: Action
    command: str = ""
    files: tuple[str, ...] = ()
    cwd: str = ""
    session: str = ""


class OpenCalls:
    """The calls of a session that may still get an output."""

    def __init__(self) -> None:
        self._by_id: dict[str, ToolCall] = {}
        self._running: dict[str, ToolCall] = {}

    def add(self, call: ToolCall, payload: dict[str, Any]) -> None:
        """Adds a tool call."""
        self._by_id[str(payload.get("call_id"))] = call

    def resumed(self, called: Called, payload: dict[str, Any]) -> bool:
        """Whether a call only waits for a running command, which then gets its output."""
        command = self._running.get(called.session)
        if command is None:
            return False
        self.add(command, payload)
        return True

    def answered(self, payload: dict[str, Any], at: datetime) -> ToolCall | None:
        """Adds the output of a tool call; returns the call."""
        call = self._by_id.pop(str(payload.get("call_id")), None)
        if call is None:
            return None
        status, is_failure, text = _output(payload.get("output"))
        running = _RUNNING.search(text[:500])
        if running:
            self._running[running[1]] = call
        call.answered = at
        call.is_rejected = bool(_REJECTED.search(text[:300])) and status != 0
        body = _HEAD.sub("", text)
        call.answer(body, failed=None if running else is_failure, status=status)
        return call

    def ended(self, payload: dict[str, Any]) -> None:
        """Adds the end of a command, which in some versions alone has the exit status."""
        call, status = self._by_id.get(str(payload.get("call_id"))), payload.get("exit_code")
        if call is not None and isinstance(status, int):
            text = as_text(payload.get("aggregated_output") or payload.get("stdout"))
            call.answer(text, failed=status != 0, status=status)

    def patched(self, payload: dict[str, Any]) -> None:
        """Adds the result of applying a patch."""
        call, changes = self._by_id.get(str(payload.get("call_id"))), payload.get("changes")
        if call is None:
            return
        if not call.files and isinstance(changes, dict):
            call.files = tuple(changes)
        if isinstance(success := payload.get("success"), bool):
            call.failed = not success


def called(payload: dict[str, Any]) -> Called:
    """The arguments of a tool call."""
    name = str(payload.get("name") or payload.get("type"))
    given = _loaded(payload.get("arguments") or payload.get("input") or payload.get("action") or "")
    files = patched_files(_texts(given))
    values = as_object(given)
    if name.endswith(RECORDING_TOOL):
        return Called(name, Action.RECORD)
    if name == _SCRIPT and isinstance(given, str):
        return _script(given, files)
    action = Action.EDIT if files else _ACTIONS.get(name, Action.OTHER)
    command = _command(given) if action is Action.RUN else ""
    session = str(values.get("session_id") or "") if name == _CONTINUES else ""
    cwd = values.get("workdir") or values.get("working_directory") or ""
    is_whole = isinstance(cwd, str) and re.match(r"/|[A-Za-z]:|~", cwd)
    return Called(name, action, command, files, cwd if is_whole else "", session)


def _script(text: str, files: tuple[str, ...]) -> Called:
    """The calls in a script: commands, one a line, or patches."""
    commands = "\n".join(found["cmd"] for found in _SCRIPTED.finditer(text))
    directory = _SCRIPTED_DIRECTORY.search(text)
    action = Action.EDIT if files else Action.RUN if commands else Action.OTHER
    return Called(_SCRIPT, action, commands, files, directory["cwd"] if directory else "")


def parent(payload: dict[str, Any]) -> str:
    """The session that a subagent's session is a part of; empty for one of a user."""
    agent = as_object(payload.get("source")).get("subagent")
    if agent is None and payload.get("thread_source") != "subagent":
        return ""
    named = as_object(as_object(agent).get("thread_spawn")).get("parent_thread_id")
    return str(named or payload.get("parent_thread_id") or payload.get("forked_from_id") or "?")


def answered_agents(payload: dict[str, Any]) -> list[str]:
    """The session of the subagent that a call has started, if its output names it."""
    name = as_object(_loaded(payload.get("output"))).get("agent_id")
    return [name] if isinstance(name, str) else []


def started_agents(payload: dict[str, Any]) -> list[str]:
    """The sessions of subagents that were started by an event; the versions differ in form."""
    item = as_object(payload.get("item")) or payload
    if item.get("kind") in (None, "started"):
        found = [item.get("agent_thread_id"), item.get("new_thread_id")]
        return [name for name in found if isinstance(name, str)]
    return []


def questions(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The questions to the user that a tool call asks."""
    given = as_object(_loaded(payload.get("arguments") or ""))
    return as_objects(given.get("questions")) if payload.get("name") == _ASKS else []


def answers(payload: dict[str, Any], asked: list[dict[str, Any]]) -> list[str]:
    """The user's answers to these questions; empty where there is none."""
    given = as_object(as_object(_loaded(payload.get("output"))).get("answers"))
    found = [as_object(given.get(str(one.get("id")))).get("answers") for one in asked]
    return ["; ".join(map(str, one)) if isinstance(one, list) else "" for one in found]


def review(output: object) -> str:
    """The findings of a review as one text."""
    told = as_object(output)
    titles = [str(one.get("title")) for one in as_objects(told.get("findings"))]
    return "\n".join([str(told.get("overall_explanation") or ""), *titles]).strip()


def _texts(given: object) -> str:
    """All texts in the arguments of a tool call; patches are in them."""
    values = given.values() if isinstance(given, dict) else [given]
    parts = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return "\n".join(part for part in parts if isinstance(part, str))


def _command(given: object) -> str:
    """The command line in the arguments of a tool call."""
    if not isinstance(given, dict):
        return as_text(given)
    command = given.get("command") or given.get("cmd") or given.get("script")
    if isinstance(command, list):
        words = [word for word in command if isinstance(word, str)]
        return words[-1] if len(words) > 2 and words[-2] in _SHELLS else " ".join(words)
    return as_text(command)


def _output(output: object) -> tuple[int | None, bool, str]:
    """The exit status of a tool, whether it failed, and what it printed."""
    output = _loaded(output)
    if isinstance(output, dict):
        code = as_object(output.get("metadata")).get("exit_code")
        text = output.get("output") or output.get("content") or output.get("text") or ""
        status = code if isinstance(code, int) else None
        is_failure = bool(status) or output.get("success") is False
        return status, is_failure, text if isinstance(text, str) else json.dumps(text)
    text = text_of(output) if isinstance(output, list) else str(output)
    head = _HEAD.match(text)  # which has the status; what was printed may tell of others
    codes = (head and _codes(head[0])) or _codes(text[:_LOOKED_AT])
    status = next(filter(None, codes), codes[0] if codes else None)
    return status, bool(status) or text.startswith(_FAILED), text


def _codes(text: str) -> list[int]:
    return [int(found[1]) for found in _STATUS.finditer(text)]


def _loaded(value: object) -> object:
    """The object in a JSON text; "" for broken JSON; any other value unchanged."""
    is_object = isinstance(value, str) and value.startswith("{")
    return parse_json(str(value), "") if is_object else value
