"""The agent clients that can be configured: paths and formats of their configuration.

Sources: the configuration pages of Claude Code, Claude Desktop, Cursor, VS Code, Codex, Gemini CLI
and Copilot CLI. Paths are those that each documents, including the environment variables that
change them.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mcp_learning.clients.values import home_directory
from mcp_learning.errors import InvalidInput

NAME = "learning"
"""The name of the server in every client's configuration."""

Scope = Literal["user", "project"]


@dataclass(frozen=True)
class Agent:
    """An agent client.

    Attributes:
        name: The argument of `install`.
        title: The product's name.
        project_file: Where a project's servers are configured; None if a project has none.
        servers: Key of the object that holds the servers.
        toml: Whether the file is TOML rather than JSON.
        typed: Whether an entry needs `"type": "stdio"`.
        all_tools: Whether an entry has to list the tools that are enabled.
        in_shell: Whether the client is started from a shell, and so has the shell's PATH.
    """

    name: str
    title: str
    project_file: str | None
    servers: str = "mcpServers"
    toml: bool = False
    typed: bool = False
    all_tools: bool = False
    in_shell: bool = True

    def file(self, scope: Scope) -> Path:
        """The configuration file of a scope; the project is the current directory.

        Raises:
            InvalidInput: The client has no such scope.
        """
        if scope == "user":
            return _user_file(self.name)
        if self.project_file is None:
            raise InvalidInput("scope", f"{self.title} has no files per project; use user")
        return Path.cwd() / self.project_file

    def entry(self, command: list[str], variables: Mapping[str, str]) -> dict[str, Any]:
        """The server's entry, its keys in the order in which they are written."""
        entry: dict[str, Any] = {"type": "stdio"} if self.typed else {}
        entry |= {"command": command[0], "args": command[1:]}
        if variables or not self.toml:
            entry["env"] = dict(variables)
        if self.all_tools:
            entry["tools"] = ["*"]
        return entry


AGENTS = {
    agent.name: agent
    for agent in (
        Agent("claude-code", "Claude Code", ".mcp.json"),
        Agent("claude-desktop", "Claude Desktop", None, in_shell=False),
        Agent("cursor", "Cursor", ".cursor/mcp.json", in_shell=False),
        Agent("vscode", "VS Code", ".vscode/mcp.json", "servers", typed=True, in_shell=False),
        Agent("codex", "Codex", ".codex/config.toml", "mcp_servers", toml=True),
        Agent("gemini", "Gemini CLI", ".gemini/settings.json"),
        Agent("copilot", "Copilot CLI", ".github/mcp.json", typed=True, all_tools=True),
    )
}


def agent_named(name: str) -> Agent:
    """The client of a name; `InvalidInput` is raised if there is none."""
    if name not in AGENTS:
        raise InvalidInput("client", f"{name!r} is not known; use one of {', '.join(AGENTS)}")
    return AGENTS[name]


def is_installed(agent: Agent) -> bool:
    """Whether a client seems to be installed: its command or its configuration exists."""
    file = agent.file("user")
    # Claude Code's file is in the home directory itself, which always exists.
    place = file if file.parent == Path.home() else file.parent
    return place.exists() or shutil.which(_COMMANDS.get(agent.name, agent.name)) is not None


_COMMANDS = {"claude-code": "claude", "vscode": "code"}


def _user_file(name: str) -> Path:
    match name:
        case "claude-code":
            return home_directory("CLAUDE_CONFIG_DIR", "") / ".claude.json"
        case "claude-desktop":
            return application_data() / "Claude" / "claude_desktop_config.json"
        case "vscode":
            return application_data() / "Code" / "User" / "mcp.json"
        case "codex":
            return home_directory("CODEX_HOME", ".codex") / "config.toml"
        case "gemini":
            return home_directory("GEMINI_CLI_HOME", "") / ".gemini" / "settings.json"
        case "copilot":
            return home_directory("COPILOT_HOME", ".copilot") / "mcp-config.json"
    return Path.home() / ".cursor" / "mcp.json"


def application_data(platform: str = sys.platform) -> Path:
    """The directory of desktop applications' files."""
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if platform == "win32":
        return home_directory("APPDATA", "AppData/Roaming")
    return home_directory("XDG_CONFIG_HOME", ".config")


def server_command(*, in_shell: bool) -> list[str]:
    """The program and arguments that start this installation.

    A client that isn't started from a shell may lack the shell's PATH, so it gets absolute paths.
    An installation by uvx is in a cache that may be cleaned, so uvx itself is called.
    """
    if _is_from_uvx():
        uvx = "uvx" if in_shell else shutil.which("uvx") or "uvx"
        return [uvx, *_uvx_source(), "mcp-learning"]
    script = _own_script()
    if script is None:
        return [str(Path(sys.executable)), "-P", "-m", "mcp_learning"]
    found = shutil.which("mcp-learning")
    if in_shell and found and Path(found).resolve() == script.resolve():
        return ["mcp-learning"]
    return [str(script)]


def _own_script() -> Path | None:
    """The script `mcp-learning` of the running interpreter's installation."""
    names = ("mcp-learning.exe", "mcp-learning")
    started = Path(sys.argv[0]).absolute()
    candidates = [started] if started.name in names else []
    candidates += [Path(sys.executable).parent / name for name in names]
    return next((path for path in candidates if path.is_file()), None)


def _is_from_uvx() -> bool:
    parts = Path(sys.prefix).parts
    return "uv" in parts and any(part.startswith(("archive-v", "environments-v")) for part in parts)


def _uvx_source() -> list[str]:
    """The option `--from` of uvx with the origin of the package, unless that was a registry."""
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
