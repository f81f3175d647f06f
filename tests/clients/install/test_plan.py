"""Installing into clients: every shape of file, other servers, links, modes, and back.

Most is done twice: without any client's program on the PATH, and with programs that stand in.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clients.install import client_program

from mcp_learning.clients.install import documents, jsonc, plan
from mcp_learning.clients.install.agents import (
    AGENTS,
    Scope,
    agent_named,
    application_data,
    hooks_file,
)
from mcp_learning.clients.install.entries import HOOK_EVENTS
from mcp_learning.clients.install.files import MAX_BYTES, InstallRecords
from mcp_learning.errors import InvalidInput, LearningError

COMMAND = ["/opt/venv/bin/mcp-learning"]
HOOK = ["/opt/my venv/bin/mcp-learning", "hook", "claude-code"]

GIT = shutil.which("git") or "git"

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


class Desk:
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
            hook=HOOK if hooks else None,
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


WAYS = [
    "edited",
    pytest.param(
        "by client",
        marks=pytest.mark.skipif(os.name != "posix", reason="programs that POSIX can start"),
    ),
]


@pytest.fixture(params=WAYS)
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Nothing of the machine's user is in its environment."""
    programs = None
    if request.param == "by client":
        programs = client_program.install(tmp_path / "programs")
    desk = Desk(tmp_path, programs)
    for directory in (desk.home, desk.project):
        directory.mkdir()
    monkeypatch.chdir(desk.project)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.defpath}" if programs else "")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(desk.home))
    for name in ("APPDATA", "XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "CODEX_HOME"):
        monkeypatch.delenv(name, raising=False)
    return desk


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_an_install_adds_and_an_uninstall_gives_back_the_very_bytes(
    desk: Desk, name: str, shape: str
) -> None:
    text = files(name)[shape]
    path = desk.write(name, text)
    (backup,) = desk.install(name)
    entry = desk.entry(name)
    assert (entry["command"], entry.get("args", [])) == (COMMAND[0], [])
    assert backup is not None
    assert backup.read_bytes() == text.encode()
    changed = path.read_bytes()
    assert desk.install(name) == []
    assert path.read_bytes() == changed
    desk.uninstall(name)
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_without_its_record_an_uninstall_leaves_what_the_file_meant(
    desk: Desk, name: str, shape: str
) -> None:
    text = files(name)[shape]
    path = desk.write(name, text)
    desk.install(name)
    desk.records.drop(path)
    desk.uninstall(name)
    before, left = (
        meant(name, one) for one in (text, path.read_bytes().decode().removeprefix("\ufeff"))
    )
    servers = agent_named(name).servers
    assert left.pop(servers, {}) == before.pop(servers, {})
    assert left == before


@pytest.mark.parametrize("name", AGENTS)
def test_a_file_that_was_not_there_is_removed_with_its_directories(desk: Desk, name: str) -> None:
    path = desk.path(name)
    assert desk.install(name) == [None]
    assert desk.entry(name)["command"] == COMMAND[0]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    desk.uninstall(name)
    assert list(desk.home.iterdir()) == []


@pytest.mark.parametrize("name", AGENTS)
def test_a_file_that_an_install_made_is_removed_although_it_was_changed(
    desk: Desk, name: str
) -> None:
    desk.install(name)
    desk.path(name).write_bytes(b"\n" + desk.path(name).read_bytes())
    desk.uninstall(name)
    assert list(desk.home.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in AGENTS if name != "claude-desktop"])
def test_a_project_has_a_file_of_its_own(desk: Desk, name: str) -> None:
    desk.install(name, "project")
    assert desk.path(name, "project").is_relative_to(desk.project)
    assert desk.entry(name, "project")["command"] == COMMAND[0]
    assert list(desk.home.iterdir()) == []


def test_what_others_change_after_an_install_stays(desk: Desk) -> None:
    path = desk.write("cursor", '{\n  "mcpServers": {\n    "a": {"command": "a"}\n  }\n}\n')
    desk.install("cursor")
    text = path.read_text().replace('"a": {"command": "a"}', '"a": {"command": "changed"}')
    path.write_text(text.rstrip()[:-1] + ' , "more": [1]\n}\n')
    desk.uninstall("cursor")
    assert path.read_text() == (
        '{\n  "mcpServers": {\n    "a": {"command": "changed"}\n  }\n , "more": [1]\n}\n'
    )


def test_an_empty_file_that_somebody_else_made_since_is_not_removed(desk: Desk) -> None:
    path = desk.path("cursor")
    desk.install("cursor")
    path.write_text("{}")
    desk.uninstall("cursor")
    assert path.read_text() == "{}"


def test_a_holder_that_was_made_goes_when_it_is_empty_again(desk: Desk) -> None:
    path = desk.write("gemini", '{\n  "theme": "dark"\n}\n')
    desk.install("gemini")
    path.write_text(path.read_text().replace("dark", "light"))
    desk.uninstall("gemini")
    left = path.read_text() + ("\n" if desk.programs else "")  # which Gemini CLI leaves out
    assert left == '{\n  "theme": "light"\n}\n'


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini", "vscode"])
def test_a_client_that_has_a_command_is_told_by_it(desk: Desk, name: str, scope: Scope) -> None:
    servers = agent_named(name).servers
    is_toml = agent_named(name).toml
    text = 'model = "o4"\n' if is_toml else json.dumps({servers: {"a": {"command": "a"}}})
    desk.write(name, text, scope)
    command = ["/opt/venv/bin/mcp-learning", "--flag", "a value"]
    desk.install(name, scope, command=command, MCP_LEARNING_DATA_DIR="/my data")
    entry = desk.entry(name, scope)
    assert [entry["command"], *entry["args"]] == command
    assert entry["env"] == {"MCP_LEARNING_DATA_DIR": "/my data"}
    has_command = desk.programs is not None and (
        scope == "user" or name in ("claude-code", "gemini")
    )
    assert len(desk.calls) == has_command
    assert desk.install(name, scope, command=command) == [], "no second call"
    path = desk.path(name, scope)
    path.write_text(path.read_text() + "\n")
    desk.uninstall(name, scope)
    assert "mcp-learning" not in path.read_text()
    assert len(desk.calls) == has_command * (1 if name == "vscode" else 2)


def test_a_client_is_not_told_about_a_file_whose_comments_it_would_lose(desk: Desk) -> None:
    path = desk.write("claude-code", '{\n  // mine\n  "mcpServers": {"a": {"command": "a"}}\n}\n')
    desk.install("claude-code")
    assert desk.calls == []
    assert "// mine" in path.read_text()
    assert desk.entry("claude-code")["command"] == COMMAND[0]


def test_a_file_is_edited_when_the_client_fails(desk: Desk, caplog: Any) -> None:
    text = '{"mcpServers": {"a": {"command": "a"}}}'
    path = desk.write("claude-code", text)
    if desk.programs is not None:
        (desk.programs / "claude").write_text("#!/bin/sh\necho 'not now' >&2\nexit 3\n")
    desk.install("claude-code")
    assert desk.entry("claude-code")["command"] == COMMAND[0]
    assert ("claude failed (not now)" in caplog.text) == (desk.programs is not None)
    desk.uninstall("claude-code")
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["cursor", "codex", "vscode"])
def test_an_older_entry_is_brought_up_to_date_and_its_additions_stay(desk: Desk, name: str) -> None:
    desk.write(name, files(name)["other servers"])
    desk.install(name, command=["uvx", "mcp-learning"])
    path, agent = desk.path(name), agent_named(name)
    if agent.toml:
        path.write_text(path.read_text() + "startup_timeout_sec = 20 # slow disk\n")
    else:
        path.write_text(path.read_text().replace('"uvx",', '"uvx", "timeout": 20,  // slow disk\n'))
    desk.install(name, MCP_LEARNING_DATA_DIR="/data")
    assert desk.entry(name)["command"] == COMMAND[0]
    assert desk.entry(name)["args"] == []
    assert desk.entry(name)["env"] == {"MCP_LEARNING_DATA_DIR": "/data"}
    assert "slow disk" in path.read_text()
    desk.uninstall(name)
    assert "mcp-learning" not in path.read_text()


def test_an_install_over_an_untouched_one_still_goes_back_to_the_first_file(desk: Desk) -> None:
    text = '{ "mcpServers" : { } }'
    path = desk.write("cursor", text)
    desk.install("cursor", command=["uvx", "mcp-learning"])
    desk.install("cursor")
    assert desk.entry("cursor")["command"] == COMMAND[0]
    desk.uninstall("cursor")
    assert path.read_text() == text


def test_another_server_of_the_same_name_is_not_touched(desk: Desk) -> None:
    text = '{"mcpServers": {"learning": {"command": "npx", "args": ["other"]}}}'
    path = desk.write("cursor", text)
    with pytest.raises(LearningError, match='another server named "learning"'):
        desk.install("cursor")
    desk.uninstall("cursor")
    assert path.read_text() == text


BROKEN = {
    "cut short": b'{"mcpServers": {',
    "a missing comma": b'{"a": 1 "mcpServers": {}}',
    "a key twice": b'{"mcpServers": {}, "mcpServers": {}}',
    "not UTF-8": '{"a": "é"}'.encode("latin-1"),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "binary": bytes(range(256)),
    "NUL bytes": b"\x00" * 100,
    "an array": b"[]",
    "servers that are no object": b'{"mcpServers": []}',
    "deep": b'{"a":' * 5_000,
}


@pytest.mark.parametrize("shape", BROKEN)
def test_a_broken_file_is_refused_untouched(desk: Desk, shape: str) -> None:
    path = desk.path("gemini")
    path.parent.mkdir()
    path.write_bytes(BROKEN[shape])
    with pytest.raises(LearningError) as refused:
        desk.install("gemini")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == BROKEN[shape]
    assert not desk.records.directory.exists()


@pytest.mark.parametrize(
    "text", ["[mcp_servers\n", "a = 1\na = 2\n", "mcp_servers = 3\n", "x = \x01\n"]
)
def test_a_broken_toml_file_is_refused_untouched(desk: Desk, text: str) -> None:
    path = desk.write("codex", text)
    with pytest.raises(LearningError, match=r"config\.toml"):
        desk.install("codex")
    assert path.read_text() == text


def test_nothing_is_written_when_the_second_of_two_files_is_broken(desk: Desk) -> None:
    settings = hooks_file("user")
    settings.parent.mkdir()
    settings.write_text("{")
    with pytest.raises(LearningError, match=r"settings\.json"):
        desk.install("claude-code", hooks=True)
    assert not desk.path("claude-code").exists()


def test_a_directory_in_the_place_of_a_file_is_refused(desk: Desk) -> None:
    desk.path("cursor").mkdir(parents=True)
    with pytest.raises(LearningError, match="not a regular file"):
        desk.install("cursor")


def test_a_gigantic_file_is_refused_unread(desk: Desk) -> None:
    path = desk.write("cursor", "{}")
    with path.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(LearningError, match="larger than 64 MB"):
        desk.install("cursor")


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_refused_untouched(desk: Desk) -> None:
    path = desk.write("gemini", "{}\n")
    path.chmod(0o444)
    with pytest.raises(LearningError, match="read-only; make it writable"):
        desk.install("gemini")
    assert path.read_text() == "{}\n"


@pytest.mark.skipif(os.name != "posix", reason="modes and links as POSIX has them")
def test_a_link_stays_a_link_and_a_mode_stays_a_mode(desk: Desk, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "mcp.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    real.chmod(0o640)
    path = desk.path("cursor")
    path.parent.mkdir()
    path.symlink_to(real)
    (backup,) = desk.install("cursor")
    assert path.is_symlink()
    assert "mcp-learning" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert backup is not None
    assert backup.stat().st_mode & 0o777 == 0o600
    desk.uninstall("cursor")
    assert path.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("{}\n", 0o640)
    assert list(real.parent.iterdir()) == [real]


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_a_loop_of_links_is_refused(desk: Desk) -> None:
    path = desk.path("cursor")
    path.parent.mkdir()
    path.symlink_to(path)
    with pytest.raises(LearningError, match=r"mcp\.json"):
        desk.install("cursor")


def test_a_file_that_changes_between_plan_and_write_is_left_alone(desk: Desk) -> None:
    path = desk.write("cursor", "{}\n")
    (edit,) = plan.plan_install(agent_named("cursor"), "user", command=COMMAND)
    path.write_text('{"other": 1}\n')
    with pytest.raises(LearningError, match="changed meanwhile"):
        plan.apply_install(edit, desk.records)
    assert path.read_text() == '{"other": 1}\n'


SETTINGS = (
    '{\n  // mine\n  "permissions": {"allow": ["Bash(ls)"]},\n  "hooks": {\n'
    '    "Stop": [\n      { "hooks": [ { "type": "command", "command": "say done" } ] }\n    ]\n'
    "  },\n}\n"
)


@pytest.mark.parametrize("text", [SETTINGS, "{}\n", "", '{"hooks":{"Stop":[]}}'])
def test_hooks_are_added_once_beside_others_and_taken_back(desk: Desk, text: str) -> None:
    settings = hooks_file("user")
    settings.parent.mkdir()
    settings.write_text(text)
    desk.install("claude-code", hooks=True)
    hooks = jsonc.loads(settings.read_text())["hooks"]
    for event in HOOK_EVENTS:
        ours = [one for group in hooks[event] for one in group["hooks"] if "hook cl" in str(one)]
        assert [one["command"] for one in ours] == [
            "'/opt/my venv/bin/mcp-learning' hook claude-code"
        ]
    assert ("say done" in settings.read_text()) == ("say done" in text)
    assert desk.install("claude-code", hooks=True) == []
    desk.uninstall("claude-code")
    assert settings.read_text() == text


def test_hooks_go_away_although_the_file_was_changed_since(desk: Desk) -> None:
    settings = hooks_file("user")
    settings.parent.mkdir()
    settings.write_text(SETTINGS)
    desk.install("claude-code", hooks=True)
    settings.write_text(settings.read_text().replace("say done", "say well done"))
    desk.uninstall("claude-code")
    assert settings.read_text() == SETTINGS.replace("say done", "say well done")


def test_hooks_of_a_project_are_not_in_the_file_that_is_shared(desk: Desk) -> None:
    desk.install("claude-code", "project", hooks=True)
    made = {str(p.relative_to(desk.project)) for p in desk.project.rglob("*.json")}
    assert made == {".mcp.json", str(Path(".claude") / "settings.local.json")}


def test_what_a_client_lacks_is_said(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="hooks: Cursor has none"):
        desk.install("cursor", hooks=True)
    with pytest.raises(InvalidInput, match="scope: Claude Desktop has no files per project"):
        desk.install("claude-desktop", "project")
    with pytest.raises(InvalidInput, match="client: 'emacs' is not known; use one of claude-code"):
        agent_named("emacs")


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "", "home/.config"),
        ("darwin", "", "home/Library/Application Support"),
        ("win32", "", "home/AppData/Roaming"),
        ("linux", "XDG_CONFIG_HOME", "moved"),
        ("win32", "APPDATA", "moved"),
    ],
)
def test_applications_keep_their_files_where_the_platform_has_them(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, expected: str
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(desk.home.parent / "moved"))
    assert application_data(platform) == desk.home.parent / expected


def test_a_difference_shows_what_changes_and_no_more_than_is_readable(desk: Desk) -> None:
    desk.write("cursor", '{"x": "' + "y" * 5_000 + '",\n "mcpServers": {\n}}\n')
    (edit,) = plan.plan_install(agent_named("cursor"), "user", command=COMMAND)
    shown = edit.difference()
    assert (
        f'+      "command": "{COMMAND[0]}"' in shown.replace("+  ", "+    ") or COMMAND[0] in shown
    )
    assert max(map(len, shown.splitlines())) <= 301
    assert json.dumps(COMMAND[0]) in shown


def test_a_difference_is_as_git_would_apply_it(desk: Desk) -> None:
    lines = [f'  "key{number}": {{"a": [1, 2]}},' for number in range(3_000)]
    text = "\n".join(["{", *lines, '  "mcpServers": {', '    "a": {"command": "a"}', "  },"])
    text += "\n" + "\n".join(line.replace("key", "more") for line in lines).rstrip(",") + "\n}\n"
    path = desk.write("cursor", text)
    (edit,) = plan.plan_install(agent_named("cursor"), "user", command=COMMAND)
    patch = edit.difference().replace(str(path), "mcp.json")
    arguments = [GIT, "apply", "--unidiff-zero", "-p0", "-"]
    subprocess.run(arguments, input=patch.encode(), cwd=path.parent, check=True)
    assert path.read_bytes() == edit.after
