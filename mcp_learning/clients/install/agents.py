"""The agent clients that can be configured: where each keeps its servers, and in which form.

Sources: the configuration pages of Claude Code, Claude Desktop, Cursor, VS Code, Codex and Gemini
CLI. Paths are those that each documents; the environment variables that move them are honoured.
"""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mcp_learning.errors import InvalidInput

NAME = "learning"
"""Under which name the server is configured, everywhere."""

Scope = Literal["user", "project"]


@dataclass(frozen=True)
class Surroundings:
    """What decides where files are: taken from the process, or given by a test.

    Attributes:
        home: The user's home directory.
        project: The directory that scope `project` means.
        environment: Environment variables.
        platform: As `sys.platform`.
    """

    home: Path
    project: Path
    environment: Mapping[str, str]
    platform: str = sys.platform


@dataclass(frozen=True)
class Agent:
    """An agent client.

    Attributes:
        name: As `install` takes it.
        title: As people know it.
        servers: Key of the object that holds the servers.
        toml: Whether the file is TOML rather than JSON.
        more: What an entry has besides command, args and env.
        in_shell: Whether the client is started from a shell, and so has its PATH.
    """

    name: str
    title: str
    servers: str = "mcpServers"
    toml: bool = False
    more: tuple[tuple[str, str], ...] = ()
    in_shell: bool = True

    def file(self, scope: Scope, around: Surroundings) -> Path:
        """Where the servers of a scope are configured.

        Raises:
            InvalidInput: The client has no such scope.
        """
        if scope == "project":
            if self.name not in _PROJECT:
                raise InvalidInput("scope", f"{self.title} has no files per project; use user")
            return around.project / _PROJECT[self.name]
        return _user_file(self.name, around)

    def entry(self, command: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
        """The server's entry, in the order in which it is written."""
        entry: dict[str, Any] = {**dict(self.more), "command": command[0], "args": command[1:]}
        if environment or not self.toml:
            entry["env"] = dict(environment)
        return entry


AGENTS = {
    agent.name: agent
    for agent in (
        Agent("claude-code", "Claude Code"),
        Agent("claude-desktop", "Claude Desktop", in_shell=False),
        Agent("cursor", "Cursor", in_shell=False),
        Agent("vscode", "VS Code", servers="servers", more=(("type", "stdio"),), in_shell=False),
        Agent("codex", "Codex", servers="mcp_servers", toml=True),
        Agent("gemini", "Gemini CLI"),
    )
}

_PROJECT = {
    "claude-code": ".mcp.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".vscode/mcp.json",
    "codex": ".codex/config.toml",
    "gemini": ".gemini/settings.json",
}


def agent_named(name: str) -> Agent:
    """The client of a name.

    Raises:
        InvalidInput: There is none.
    """
    if name not in AGENTS:
        raise InvalidInput("client", f"{name!r} is not known; use one of {', '.join(AGENTS)}")
    return AGENTS[name]


def hooks_file(scope: Scope, around: Surroundings) -> Path:
    """Where Claude Code's hooks are. Of a project, the file that isn't shared: they hold a path."""
    if scope == "project":
        return around.project / ".claude" / "settings.local.json"
    return _claude_directory(around) / "settings.json"


def command(agent_in_shell: bool) -> list[str]:
    """What starts this very installation: a program and its arguments.

    A client that isn't started from a shell may lack its PATH, so it gets whole paths. What uvx
    runs is in a cache that may be cleaned, so there uvx itself is called.
    """
    if _is_from_uvx():
        uvx = "uvx" if agent_in_shell else shutil.which("uvx") or "uvx"
        return [uvx, *_uvx_source(), "mcp-learning"]
    script = _own_script()
    if script is None:
        return [str(Path(sys.executable)), "-P", "-m", "mcp_learning"]
    found = shutil.which("mcp-learning")
    if agent_in_shell and found and Path(found).resolve() == script.resolve():
        return ["mcp-learning"]
    return [str(script)]


def is_ours(program: object, arguments: object) -> bool:
    """Whether a command is one that starts this server."""
    words = [program, *(arguments if isinstance(arguments, list) else [])]
    names = {Path(word.replace("\\", "/")).name for word in words if isinstance(word, str)}
    return bool(names & {"mcp-learning", "mcp-learning.exe", "mcp_learning"})


def _own_script() -> Path | None:
    """The installed `mcp-learning` of the interpreter that runs."""
    names = ("mcp-learning.exe", "mcp-learning")
    beside = (Path(sys.executable).parent / name for name in names)
    started = Path(sys.argv[0]).absolute()
    candidates = (*((started,) if started.name in names else ()), *beside)
    return next((path for path in candidates if path.is_file()), None)


def _is_from_uvx() -> bool:
    parts = Path(sys.prefix).parts
    return "uv" in parts and any(part.startswith(("archive-v", "environments-v")) for part in parts)


def _uvx_source() -> list[str]:
    """`--from` with where the package came from, unless that was a registry."""
    import json

    try:
        origin = json.loads(distribution("mcp-learning").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return []
    url = str(origin.get("url", ""))
    if "vcs_info" in origin:
        return ["--from", f"{origin['vcs_info']['vcs']}+{url}"]
    if url.startswith("file:"):
        return ["--from", url2pathname(urlsplit(url).path)]
    return ["--from", url] if url else []


def _user_file(name: str, around: Surroundings) -> Path:
    home, environment = around.home, around.environment
    if name == "claude-code":
        moved = environment.get("CLAUDE_CONFIG_DIR")
        return (Path(moved) if moved else home) / ".claude.json"
    if name == "claude-desktop":
        return _application_data(around) / "Claude" / "claude_desktop_config.json"
    if name == "vscode":
        return _application_data(around) / "Code" / "User" / "mcp.json"
    if name == "codex":
        moved = environment.get("CODEX_HOME")
        return (Path(moved) if moved else home / ".codex") / "config.toml"
    return home / {"cursor": ".cursor/mcp.json", "gemini": ".gemini/settings.json"}[name]


def _claude_directory(around: Surroundings) -> Path:
    moved = around.environment.get("CLAUDE_CONFIG_DIR")
    return Path(moved) if moved else around.home / ".claude"


def _application_data(around: Surroundings) -> Path:
    if around.platform == "darwin":
        return around.home / "Library" / "Application Support"
    name = "APPDATA" if around.platform == "win32" else "XDG_CONFIG_HOME"
    moved = around.environment.get(name)
    default = "AppData/Roaming" if around.platform == "win32" else ".config"
    return Path(moved) if moved else around.home / default
