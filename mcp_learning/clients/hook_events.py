"""Parses the input of each client's hooks, and formats the answers.

Sources: the hook references of Claude Code, Codex, Gemini CLI, Cursor and Copilot CLI, and the
schemas in the clients themselves (2.1, 0.171, 0.61, 3, 1.0). Imports little, since a person or an
agent waits for the hook.
"""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from mcp_learning.models.characters import SURROGATE, clean

Kind = Literal["start", "prompt", "before", "failure", "tool", "end"]
"""The kind of an event: one of `Occasion.event`; `tool`: `after` or `failure`; `end`: record."""

LONGEST_TEXT = 20_000
"""Most characters of a prompt, a command or an error that are sent."""

_MOST_FILES = 20
_CODES = ("exitCode", "exit_code")
_RESULTS = ("tool_response", "tool_output", "tool_result")
_TEXTS = ("stdout", "output", "llmContent", "text_result_for_llm", "stderr")
_EDITS = re.compile(r"edit|write|create|replace|patch|notebook", re.IGNORECASE)
_PATHS = ("file_path", "filePath", "path", "absolute_path", "notebook_path")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)
_STATUS = re.compile(r"\bexit(?:ed with)?[ _]?(?:code|status)[\"']?[:=]?\s*([0-9]+)", re.IGNORECASE)
_LAST = 1_000  # last characters of a command's output that are searched for an error
_ERROR = re.compile(
    r"^(?:\w+\.)*\w*(?:Error|Exception)\b|\b(?:error|fatal|panicked)\b.*:|command not found",
    re.MULTILINE,
)
_READS = re.compile(
    r"\s*(?:(?:cd|Set-Location(?:\s+-Path)?)\s+\S+?\s*(?:&&|;)\s*)?(?:sudo\s+)?"
    r"(?:cat|sed|awk|nl|head|tail|less|rg|grep|ls|find|fd|tree|wc|jq"
    r"|Get-Content|Get-ChildItem|Select-String|git\s+(?:diff|show|log|status|grep|blame))\b"
)
"""Commands that print contents of files, in which an error is not a failure of the command."""


class HookClient(NamedTuple):
    """A client with hooks.

    Attributes:
        events: The kinds of its events by their names.
        form: The format of its answers.
        unanswered: Events whose answer the client doesn't pass to the agent.
    """

    events: Mapping[str, Kind]
    form: Literal["specific", "cursor", "copilot"] = "specific"
    unanswered: frozenset[str] = frozenset()


CLIENTS: Mapping[str, HookClient] = {
    "claude-code": HookClient(
        {
            "SessionStart": "start",
            "UserPromptSubmit": "prompt",
            "PreToolUse": "before",
            "PostToolUseFailure": "failure",
            "Stop": "end",
            "SessionEnd": "end",
        }
    ),
    "codex": HookClient(
        {
            "SessionStart": "start",
            "UserPromptSubmit": "prompt",
            "PreToolUse": "before",
            "PostToolUse": "tool",
            "Stop": "end",
            "SessionEnd": "end",
        }
    ),
    "gemini": HookClient(
        {
            "SessionStart": "start",
            "BeforeAgent": "prompt",
            "AfterTool": "tool",
            "AfterAgent": "end",
            "SessionEnd": "end",
        }
    ),
    "cursor": HookClient(
        {"sessionStart": "start", "beforeSubmitPrompt": "prompt", "postToolUse": "tool"},
        "cursor",
        frozenset({"beforeSubmitPrompt"}),
    ),
    "copilot": HookClient(
        {
            "SessionStart": "start",
            "UserPromptSubmit": "prompt",
            "PostToolUse": "tool",
            "Stop": "end",
        },
        "copilot",
        frozenset({"UserPromptSubmit"}),
    ),
}
"""Nothing is recorded for Cursor, whose transcripts have no documented format.

Copilot CLI accepts these names, too, and then sends as much as Claude Code. It reports a command
that failed as a success, and refuses a tool when a hook before it fails. Only Claude Code and Codex
pass the answer of a hook before a tool to the agent, so the others have no such hook."""


def event_of(payload: Mapping[str, Any]) -> str:
    """The name of the event."""
    return str(payload.get("hook_event_name") or "")


def is_end(client: str, payload: Mapping[str, Any]) -> bool:
    """Whether the latest task is to be recorded."""
    return CLIENTS[client].events.get(event_of(payload)) == "end"


def occasion(client: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields of an `Occasion`; None if the event needs no call."""
    name = event_of(payload)
    kind = CLIENTS[client].events.get(name)
    if kind is None or kind == "end" or payload.get("is_interrupt") is True:
        return None
    told: dict[str, Any] = {
        "event": kind,
        "client": client,
        "session": str(payload.get("session_id") or payload.get("conversation_id") or "")[:200],
        "cwd": _directory(payload),
        "speaks": name not in CLIENTS[client].unanswered,
    }
    if kind == "start":
        return told | {"text": _text(payload.get("source"))}
    if kind == "prompt":
        prompt = _text(payload.get("prompt"))
        return told | {"text": prompt} if prompt else None
    command, files = _command_and_files(payload)
    told |= {"command": command, "files": files}
    if kind == "before":
        return told if command or files else None
    error = _error(payload, kind, command)
    if not error and not CLIENTS[client].unanswered:
        return None  # no remark can have been held back
    return told | {"event": "failure" if error else "after", "text": error}


def answer(client: str, payload: Mapping[str, Any], text: str) -> str:
    """The output of the hook, with a text for the agent."""
    match CLIENTS[client].form:
        case "cursor":
            return json.dumps({"additional_context": text})
        case "copilot":
            return json.dumps({"additionalContext": text})
    name = event_of(payload)
    return json.dumps({"hookSpecificOutput": {"hookEventName": name, "additionalContext": text}})


def _text(value: object) -> str:
    """A text that can be sent, truncated at a word: half a secret would not be recognised."""
    if not isinstance(value, str):
        return ""
    text = clean(SURROGATE.sub(" ", value)).strip()
    if len(text) > LONGEST_TEXT:
        text = re.sub(r"\S{1,400}\Z", "", text[:LONGEST_TEXT]).strip()
    return text


def _directory(payload: Mapping[str, Any]) -> str:
    roots = payload.get("workspace_roots")
    first = roots[0] if isinstance(roots, list) and roots else ""
    directory = _text(payload.get("cwd") or first)
    return directory if len(directory) <= 4_096 else ""


def _command_and_files(payload: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The command and the edited files of a tool's call; empty for other tools."""
    given = _parsed(payload.get("tool_input"))
    if not isinstance(given, dict):
        return "", []
    command = given.get("command")
    if isinstance(command, list):
        command = shlex.join(map(str, command))
    text = _text(command)
    if patched := _PATCHED.findall(text):
        return "", patched[:_MOST_FILES]
    tool = str(payload.get("tool_name") or "")
    paths = [_text(given.get(name)) for name in _PATHS] if _EDITS.search(tool) else []
    return text, list(filter(None, paths))


def _error(payload: Mapping[str, Any], kind: Kind, command: str) -> str:
    """The error of a tool; empty if it didn't fail, or isn't known to have failed."""
    if kind == "failure":
        return _tail(payload.get("error")) or "failed"
    told = _parsed(next((payload[name] for name in _RESULTS if payload.get(name)), None))
    if not isinstance(told, dict):
        return _failed(_tail(told), command)
    if error := told.get("error"):
        return _tail(error)
    text = "\n".join(_tail(told[name]) for name in _TEXTS if told.get(name)).strip()
    status = next((told[name] for name in _CODES if isinstance(told.get(name), int)), None)
    if status is None:
        return _failed(text, command)
    return (text or f"exit code {status}") if status else ""


def _failed(text: str, command: str) -> str:
    """The output of a command if it shows a failure; otherwise empty.

    A failure is an exit status other than 0 at its beginning or end, or without a status an error
    in its last lines, since Codex doesn't send the status.
    """
    statuses = _STATUS.findall(text)
    if not statuses:
        is_error = not _READS.match(command) and _ERROR.search(text[-_LAST:])
        return text if is_error else ""
    status = statuses[0] if _STATUS.match(text) else statuses[-1]
    return text if status.strip("0") else ""


def _tail(value: object) -> str:
    """The end of a text, or of the texts in a value."""
    if isinstance(value, dict):
        value = value.get("message") or value.get("text") or json.dumps(value)
    if isinstance(value, list):
        value = "\n".join(map(_tail, value[:50]))
    return _text(str(value)[-LONGEST_TEXT:]) if value is not None else ""


def _parsed(value: object) -> object:
    """The object in a JSON text; any other value unchanged."""
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
