"""Adds our hooks to the value of a client's configuration, and removes them.

No function changes its arguments; all raise `BrokenText` if the hooks aren't an object of arrays.
"""

import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_learning.clients.hook_events import CLIENTS
from mcp_learning.clients.install.agents import Scope
from mcp_learning.clients.install.entries import Config, at
from mcp_learning.clients.values import home_directory
from mcp_learning.errors import InvalidInput

TIMEOUT_SECONDS = 3
"""Timeout of a hook, after which the client may kill it; ours takes a fraction of a second. Codex
allows three seconds at the end of a session."""


@dataclass(frozen=True)
class Hooks:
    """The hooks of a client.

    Attributes:
        client: Its name.
        file: The configuration file of a scope; None: the client has none for the scope.
        tools: For events that are restricted to some tools: the client's matcher of tool names.
        grouped: Whether an event has groups of hooks, each with a matcher.
        of_hook: Further keys of a hook besides its command.
        of_file: Further keys of the file besides the hooks.
    """

    client: str
    file: Callable[[Scope], Path | None]
    tools: Mapping[str, str]
    grouped: bool = True
    of_hook: Config = field(default_factory=dict)
    of_file: Config = field(default_factory=dict)

    @property
    def events(self) -> Iterable[str]:
        """The names of the client's events with a hook."""
        return CLIENTS[self.client].events

    def place(self, scope: Scope) -> Path:
        """The file of a scope.

        Raises:
            InvalidInput: The client has none.
        """
        path = self.file(scope)
        if path is None:
            raise InvalidInput("scope", "hooks of a project would be shared there; use user")
        return path


def _claude_code(scope: Scope) -> Path:
    if scope == "project":  # the file that isn't shared: hooks hold a path
        return Path.cwd() / ".claude" / "settings.local.json"
    return home_directory("CLAUDE_CONFIG_DIR", ".claude") / "settings.json"


def _codex(scope: Scope) -> Path:
    directory = home_directory("CODEX_HOME", ".codex") if scope == "user" else Path.cwd() / ".codex"
    return directory / "hooks.json"


def _gemini(scope: Scope) -> Path:
    directory = home_directory("GEMINI_CLI_HOME", "") if scope == "user" else Path.cwd()
    return directory / ".gemini" / "settings.json"


def _cursor(scope: Scope) -> Path:
    return (Path.home() if scope == "user" else Path.cwd()) / ".cursor" / "hooks.json"


def _copilot(scope: Scope) -> Path | None:
    if scope == "project":  # .github/hooks, which is shared
        return None
    return home_directory("COPILOT_HOME", ".copilot") / "hooks" / "mcp-learning.json"


HOOKS = {
    hooks.client: hooks
    for hooks in (
        Hooks(
            "claude-code",
            _claude_code,
            {
                "PreToolUse": "Bash|Edit|MultiEdit|Write|NotebookEdit",
                "PostToolUseFailure": "Bash",
            },
            of_hook={"type": "command", "timeout": TIMEOUT_SECONDS},
        ),
        Hooks(
            "codex",
            _codex,
            {"PreToolUse": "Bash|apply_patch", "PostToolUse": "Bash"},
            of_hook={"type": "command", "timeout": TIMEOUT_SECONDS},
        ),
        Hooks(
            "gemini",
            _gemini,
            {"AfterTool": "run_shell_command"},
            of_hook={"type": "command", "name": "mcp-learning", "timeout": 1_000 * TIMEOUT_SECONDS},
        ),
        Hooks("cursor", _cursor, {"postToolUse": "Shell"}, grouped=False, of_file={"version": 1}),
        Hooks(
            "copilot",
            _copilot,
            {"PostToolUse": "bash|powershell"},
            grouped=False,
            of_hook={"type": "command", "timeoutSec": TIMEOUT_SECONDS},
            of_file={"version": 1},
        ),
    )
}
"""By the name of the client."""


def command_line(command: Sequence[str], platform: str = sys.platform) -> str:
    """The text of a hook's command, for the shell that the client runs it with.

    Clients report hooks that fail, as they would once this program is removed, so the command
    always succeeds, except on Windows, where the shell isn't known.
    """
    text = shlex.join(command)
    return text if platform == "win32" else f"{text} || true"


def with_hooks(config: Config, hooks: Hooks, command: str) -> Config:
    """The configuration with a hook that runs `command` for each event."""
    config = deepcopy(config)
    for name, value in hooks.of_file.items():
        config.setdefault(name, value)
    events = config["hooks"] = at(config, "hooks", dict)
    for event in hooks.events:
        entries = events[event] = at(events, event, list)
        ours = [one for entry in entries for one in _hooks_in(entry) if _is_ours(one, hooks)]
        if ours:
            ours[0]["command"] = command
            continue
        hook: Config = hooks.of_hook | {"command": command}
        matching = {"matcher": hooks.tools[event]} if event in hooks.tools else {}
        entries.insert(0, matching | ({"hooks": [hook]} if hooks.grouped else hook))
    return config


def without_hooks(config: Config, hooks: Hooks) -> Config:
    """The configuration without our hooks, and without groups and events that are empty then."""
    before, config = config, deepcopy(config)
    events = at(config, "hooks", dict)
    for event in hooks.events:
        entries = at(events, event, list)
        if not any(_is_ours(one, hooks) for entry in entries for one in _hooks_in(entry)):
            continue
        events[event] = [left for entry in entries if (left := _without(entry, hooks))]
        if not events[event]:
            del events[event]
    if config != before and not events:
        del config["hooks"]
        if config == hooks.of_file:
            return {}
    return config


def _without(entry: Any, hooks: Hooks) -> Any:
    """An entry without our hooks; None if nothing is left of it."""
    if not any(_is_ours(one, hooks) for one in _hooks_in(entry)):
        return entry
    left = [one for one in entry.get("hooks", []) if not _is_ours(one, hooks)]
    return entry | {"hooks": left} if left else None


def _hooks_in(entry: Any) -> list[Any]:
    """The hooks of a group, or the entry itself if it is a hook."""
    if not isinstance(entry, dict):
        return []
    inner = entry.get("hooks")
    return inner if isinstance(inner, list) else [entry]


def _is_ours(hook: Any, hooks: Hooks) -> bool:
    command = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(command, str) or f"hook {hooks.client}" not in command:
        return False
    return "mcp-learning" in command or "mcp_learning" in command
