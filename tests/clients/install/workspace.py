"""A user's home and project, the shapes that clients' files have, and the commands on them."""

from pathlib import Path
from typing import Any

from clients.install import client_program

from mcp_learning.clients.install import documents, plan
from mcp_learning.clients.install.agents import AGENTS, Scope, agent_named
from mcp_learning.clients.install.files import InstallRecords

COMMAND = ["/opt/venv/bin/mcp-learning"]
HOOK = ["/opt/my venv/bin/mcp-learning", "hook"]


JSON_FILES = {
    "other servers": (
        '{\n  "mcpServers": {\n    "github": {\n      "command": "npx",\n'
        '      "args": ["-y", "server-github"],\n      "env": {"TOKEN": "x"}\n    }\n  }\n}\n'
    ),
    "comments and a trailing comma": (
        '// My servers\n{\n\t/* all of them */\n\t"SERVERS": {\n\t\t// the first\n'
        '\t\t"files": { "type": "stdio", "command": "files" }, // keep this one\n\t},\n'
        '\t"inputs": [ ],\n}\n'
    ),
    "odd indentation": (
        '{"theme":"dark",\n      "SERVERS" :{\n  "a": {"command":"a"},\n         '
        '"b":{"command": "b" } }\n,"z": 1}'
    ),
    "no servers yet": '{\n    "numStartups": 12,\n    "tips": {"shown": true}\n}',
    "no servers in it": '{"SERVERS": {}}\n',
    "on one line": '{"SERVERS":{"a":{"command":"a"}},"projects":{"/x":{}}}',
    "line ends of Windows": '{\r\n  "SERVERS": {\r\n    "a": {"command": "a"}\r\n  }\r\n}\r\n',
    "a byte order mark": '\ufeff{\n  "SERVERS": {}\n}\n',
    "other letters": '{\n  "name": "Zoë 🦊 \\u00e9",\n  "SERVERS": {}\n}\n',
    "empty": "",
    "blank": "\n\n",
}
TOML_FILES = {
    "other servers": (
        '# My settings\nmodel = "o4"   # the small one\n\n[mcp_servers.github]\n'
        'command = "npx"\nargs = [\n  "-y",   # yes\n  "server-github",\n]\n\n'
        "[mcp_servers.github.env]\nTOKEN = \"x\"\n\n[tui]\ntheme = 'dark'\n"
    ),
    "no servers yet": 'model = "o4"\n[profiles.fast]\n  model = "o3"\n',
    "no line end": 'model = "o4"',
    "inline servers": 'mcp_servers = { a = { command = "a" } }\nmodel = "o4"\n',
    "a text that looks like a table": 'notes = """\n[mcp_servers.learning]\n"""\n',
    "line ends of Windows": 'model = "o4"\r\n\r\n[mcp_servers.a]\r\ncommand = "a"\r\n',
    "tables out of order": (
        '[mcp_servers.a]\ncommand = "a"\n\n[tui]\nx = 1\n\n[mcp_servers.b]\ncommand = "b"\n'
    ),
    "empty": "",
}


def files(name: str) -> dict[str, str]:
    agent = AGENTS[name]
    if agent.toml:
        return TOML_FILES
    return {shape: text.replace("SERVERS", agent.servers) for shape, text in JSON_FILES.items()}


SHAPES = [(name, shape) for name in AGENTS for shape in files(name)]


def meant(name: str, text: str) -> dict[str, Any]:
    return documents.load(text.removeprefix("\ufeff"), toml=agent_named(name).toml)


class Workspace:
    """A home, a project that is the current directory, and the commands on them."""

    def __init__(self, directory: Path, programs: Path | None) -> None:
        self.home = directory / "home"
        self.project = directory / "project"
        self.records = InstallRecords(directory / "data" / "clients")
        self.programs = programs

    @property
    def calls(self) -> list[list[str]]:
        """The command lines that clients' programs were called with."""
        return [] if self.programs is None else client_program.calls(self.programs)

    def path(self, name: str, scope: Scope = "user") -> Path:
        return agent_named(name).file(scope)

    def write(self, name: str, text: str, scope: Scope = "user") -> Path:
        path = self.path(name, scope)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path

    def install(
        self,
        name: str,
        scope: Scope = "user",
        *,
        hooks: bool = False,
        command: list[str] | None = None,
        **variables: str,
    ) -> list[Path | None]:
        edits = plan.plan_install(
            agent_named(name),
            scope,
            command=command or COMMAND,
            hook=[*HOOK, name] if hooks else None,
            variables=variables,
        )
        return [plan.apply_install(edit, self.records) for edit in edits if edit.changes]

    def uninstall(self, name: str, scope: Scope = "user") -> None:
        for edit in plan.plan_uninstall(agent_named(name), scope, self.records):
            if edit.changes:
                plan.apply_uninstall(edit, self.records)

    def entry(self, name: str, scope: Scope = "user") -> Any:
        text = self.path(name, scope).read_text(encoding="utf-8-sig")
        return meant(name, text)[agent_named(name).servers]["learning"]
