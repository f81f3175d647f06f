"""Stands in for clients' programs: the same command lines, and real edits of the same files.

It does what Claude Code 2.1, Codex, Gemini CLI and Copilot CLI were seen to do, also what is
unwelcome: it lays JSON out anew, loses comments, and takes over no addition to an older entry. VS
Code's command is as documented.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

HOME = Path(os.environ["HOME"])


def install(directory: Path) -> Path:
    """Puts `claude`, `codex`, `gemini`, `copilot` and `code` into a directory, and returns it."""
    directory.mkdir()
    for name in ("claude", "codex", "gemini", "copilot", "code"):
        program = directory / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" {name} "$@"\n')
        program.chmod(0o755)
    return directory


def calls(directory: Path) -> list[list[str]]:
    """The command lines that the programs of a directory were called with."""
    log = directory / "calls"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def save(path: Path, value: Any, indent: int | str = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=indent))


def load(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return value


def options(words: list[str], *, scopes: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["add", "remove"])
    parser.add_argument("name")
    parser.add_argument("program", nargs="?")
    parser.add_argument("--env", action="append", default=[])
    if scopes:
        parser.add_argument("--scope", choices=scopes, default=scopes[0])
    return parser.parse_args(words)


def entry(program: str, arguments: list[str], variables: list[str]) -> dict[str, Any]:
    env = dict(variable.split("=", 1) for variable in variables)
    return {"command": program, "args": arguments, "env": env}


def claude(words: list[str], after: list[str]) -> None:
    given = options(words, scopes=("local", "user", "project"))
    moved = Path(os.environ.get("CLAUDE_CONFIG_DIR") or HOME)
    path = Path(".mcp.json") if given.scope == "project" else moved / ".claude.json"
    try:
        config = load(path)
    except ValueError:
        config = {}  # it takes the file for corrupted, and starts a new one
    servers = config.setdefault("mcpServers", {})
    if given.verb == "remove":
        del servers[given.name]
    elif given.name in servers:
        sys.exit(f"MCP server {given.name} already exists in {given.scope} config")
    else:
        servers[given.name] = {"type": "stdio", **entry(after[0], after[1:], given.env)}
    save(path, config)


def codex(words: list[str], after: list[str]) -> None:
    import tomlkit

    given = options(words, scopes=())
    path = Path(os.environ.get("CODEX_HOME") or HOME / ".codex") / "config.toml"
    config: Any = tomlkit.parse(path.read_text() if path.exists() else "")
    servers = config.setdefault("mcp_servers", tomlkit.table(is_super_table=True))
    if given.verb == "remove":
        del servers[given.name]
    else:
        added = entry(after[0], after[1:], given.env)
        servers[given.name] = {key: value for key, value in added.items() if value}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomlkit.dumps(config))


def gemini(words: list[str], after: list[str]) -> None:
    given = options(words, scopes=("project", "user"))
    path = (Path() if given.scope == "project" else HOME) / ".gemini" / "settings.json"
    config = load(path)
    servers = config.setdefault("mcpServers", {})
    if given.verb == "remove":
        del servers[given.name]
    else:
        added = entry(given.program, after, given.env)
        servers[given.name] = {key: value for key, value in added.items() if value != {}}
    save(path, config)


def copilot(words: list[str], after: list[str]) -> None:
    given = options(words, scopes=())
    path = Path(os.environ.get("COPILOT_HOME") or HOME / ".copilot") / "mcp-config.json"
    config = load(path)
    servers = config.setdefault("mcpServers", {})
    if given.verb == "remove":
        del servers[given.name]
    else:
        added = entry(after[0], after[1:], given.env)
        servers[given.name] = {"tools": ["*"], "type": "stdio", **added}
    save(path, config)


def code(words: list[str], _: list[str]) -> None:
    (option, text) = words
    assert option == "--add-mcp"
    added = json.loads(text)
    path = Path(os.environ.get("XDG_CONFIG_HOME") or HOME / ".config") / "Code/User/mcp.json"
    config = load(path)
    config.setdefault("servers", {})[added.pop("name")] = added
    save(path, config, indent="\t")


def main() -> None:
    program, *words = sys.argv[1:]
    with (Path(os.environ["PATH"].split(os.pathsep)[0]) / "calls").open("a") as log:
        log.write(json.dumps([program, *words]) + "\n")
    if words[0] == "plugin":
        sys.exit("already there" if words[1:3] == ["marketplace", "add"] else 0)
    split = words.index("--") if "--" in words else len(words)
    before, after = words[:split], words[split + 1 :]
    if program != "code":
        assert before.pop(0) == "mcp"
    programs = {"claude": claude, "codex": codex, "gemini": gemini, "copilot": copilot}
    (programs | {"code": code})[program](before, after)


if __name__ == "__main__":
    main()
