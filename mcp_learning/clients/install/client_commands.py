"""The clients' own commands for changing their configuration.

Taken from their help and tested, except for VS Code's, which is as documented.
"""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from mcp_learning.clients.install.agents import NAME, Agent, Scope
from mcp_learning.permissions import restrict_umask

TIMEOUT_SECONDS = 60


def add_command(agent: Agent, scope: Scope, entry: dict[str, Any]) -> list[str] | None:
    """The command that adds the server's entry; None if the client has none for the scope."""
    variables = [f"--env={name}={value}" for name, value in entry.get("env", {}).items()]
    program, arguments = entry["command"], entry["args"]
    match agent.name, scope:
        case "claude-code", _:
            options = ["--scope", scope, *variables]
            return ["claude", "mcp", "add", NAME, *options, "--", program, *arguments]
        case "codex", "user":
            return ["codex", "mcp", "add", NAME, *variables, "--", program, *arguments]
        case "gemini", _:
            options = ["--scope", scope, *variables]
            return ["gemini", "mcp", "add", NAME, program, *options, "--", *arguments]
        case "copilot", "user":
            return ["copilot", "mcp", "add", NAME, *variables, "--", program, *arguments]
        case "vscode", "user":
            return ["code", "--add-mcp", json.dumps({"name": NAME, **entry})]
    return None


def remove_command(agent: Agent, scope: Scope) -> list[str] | None:
    """The command that removes the server's entry; None if the client has none for the scope."""
    match agent.name, scope:
        case "claude-code" | "gemini", _:
            program = "claude" if agent.name == "claude-code" else "gemini"
            return [program, "mcp", "remove", NAME, "--scope", scope]
        case "codex" | "copilot", "user":
            return [agent.name, "mcp", "remove", NAME]
    return None


def is_available(command: list[str]) -> bool:
    """Whether the command's program is on the PATH, and gets its arguments unchanged."""
    found = shutil.which(command[0])
    if found is None:
        return False
    program = Path(found).absolute()
    # Windows looks in the current directory, too, which may be another's project, and cmd.exe,
    # which runs batch files, interprets what is in arguments.
    return program.parent != Path.cwd() and program.suffix.lower() not in (".bat", ".cmd")


def run_command(command: list[str]) -> str | None:
    """Runs a client's command to its end; returns the error's text, or None on success."""
    try:
        subprocess.run(
            [shutil.which(command[0]) or command[0], *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            umask=restrict_umask(),
            check=True,
        )
    except subprocess.CalledProcessError as error:
        return str(error.stderr or error.stdout).strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None
