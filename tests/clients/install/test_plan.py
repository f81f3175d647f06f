"""An install adds the server to any shape of file, and an uninstall restores the file."""

import json
import os
from typing import Any

import pytest
from clients.install.workspace import COMMAND, SHAPES, Workspace, files, meant

from mcp_learning.clients.install import documents
from mcp_learning.clients.install.agents import AGENTS, Scope, agent_named, application_data
from mcp_learning.errors import InvalidInput, LearningError


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_an_install_adds_and_an_uninstall_gives_back_the_very_bytes(
    workspace: Workspace, name: str, shape: str
) -> None:
    text = files(name)[shape]
    path = workspace.write(name, text)
    (backup,) = workspace.install(name)
    entry = workspace.entry(name)
    assert (entry["command"], entry.get("args", [])) == (COMMAND[0], [])
    assert backup is not None
    assert backup.read_bytes() == text.encode()
    changed = path.read_bytes()
    assert workspace.install(name) == []
    assert path.read_bytes() == changed
    workspace.uninstall(name)
    assert path.read_bytes() == text.encode()


def test_a_text_of_several_lines_keeps_its_line_ends() -> None:
    text = 'notes = """\r\nTea,\r\nno drip\r\n"""\r\n'
    wanted = documents.load(text, toml=True) | {"mcp_servers": {"learning": {"command": "a"}}}
    assert documents.rewrite(text, wanted, toml=True).startswith(text)


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_without_its_record_an_uninstall_leaves_what_the_file_meant(
    workspace: Workspace, name: str, shape: str
) -> None:
    text = files(name)[shape]
    path = workspace.write(name, text)
    workspace.install(name)
    workspace.records.drop(path)
    workspace.uninstall(name)
    before, left = (
        meant(name, one) for one in (text, path.read_bytes().decode().removeprefix("\ufeff"))
    )
    servers = agent_named(name).servers
    assert left.pop(servers, {}) == before.pop(servers, {})
    assert left == before


@pytest.mark.parametrize("name", AGENTS)
def test_a_file_that_was_not_there_is_removed_with_its_directories(
    workspace: Workspace, name: str
) -> None:
    path = workspace.path(name)
    assert workspace.install(name) == [None]
    assert workspace.entry(name)["command"] == COMMAND[0]
    if os.name == "posix":
        assert path.stat().st_mode & 0o077 == 0
    workspace.uninstall(name)
    assert list(workspace.home.iterdir()) == []


@pytest.mark.parametrize("name", AGENTS)
def test_a_file_that_an_install_made_is_removed_although_it_was_changed(
    workspace: Workspace, name: str
) -> None:
    workspace.install(name)
    workspace.path(name).write_bytes(b"\n" + workspace.path(name).read_bytes())
    workspace.uninstall(name)
    assert list(workspace.home.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in AGENTS if name != "claude-desktop"])
def test_a_project_has_a_file_of_its_own(workspace: Workspace, name: str) -> None:
    workspace.install(name, "project")
    assert workspace.path(name, "project").is_relative_to(workspace.project)
    assert workspace.entry(name, "project")["command"] == COMMAND[0]
    assert list(workspace.home.iterdir()) == []


def test_what_others_change_after_an_install_stays(workspace: Workspace) -> None:
    path = workspace.write("cursor", '{\n  "mcpServers": {\n    "a": {"command": "a"}\n  }\n}\n')
    workspace.install("cursor")
    text = path.read_text().replace('"a": {"command": "a"}', '"a": {"command": "changed"}')
    path.write_text(text.rstrip()[:-1] + ' , "more": [1]\n}\n')
    workspace.uninstall("cursor")
    assert path.read_text() == (
        '{\n  "mcpServers": {\n    "a": {"command": "changed"}\n  }\n , "more": [1]\n}\n'
    )


def test_an_empty_file_that_somebody_else_made_since_is_not_removed(workspace: Workspace) -> None:
    path = workspace.path("cursor")
    workspace.install("cursor")
    path.write_text("{}")
    workspace.uninstall("cursor")
    assert path.read_text() == "{}"


def test_a_holder_that_was_made_goes_when_it_is_empty_again(workspace: Workspace) -> None:
    path = workspace.write("gemini", '{\n  "theme": "dark"\n}\n')
    workspace.install("gemini")
    path.write_text(path.read_text().replace("dark", "light"))
    workspace.uninstall("gemini")
    left = path.read_text() + ("\n" if workspace.programs else "")  # which Gemini CLI leaves out
    assert left == '{\n  "theme": "light"\n}\n'


@pytest.mark.parametrize("scope", ["user", "project"])
@pytest.mark.parametrize("name", ["claude-code", "codex", "gemini", "vscode"])
def test_a_client_that_has_a_command_is_told_by_it(
    workspace: Workspace, name: str, scope: Scope
) -> None:
    servers = agent_named(name).servers
    is_toml = agent_named(name).toml
    text = 'model = "o4"\n' if is_toml else json.dumps({servers: {"a": {"command": "a"}}})
    workspace.write(name, text, scope)
    command = ["/opt/venv/bin/mcp-learning", "--flag", "a value"]
    workspace.install(name, scope, command=command, MCP_LEARNING_DATA_DIR="/my data")
    entry = workspace.entry(name, scope)
    assert [entry["command"], *entry["args"]] == command
    assert entry["env"] == {"MCP_LEARNING_DATA_DIR": "/my data"}
    has_command = workspace.programs is not None and (
        scope == "user" or name in ("claude-code", "gemini")
    )
    assert len(workspace.calls) == has_command
    assert workspace.install(name, scope, command=command) == [], "no second call"
    path = workspace.path(name, scope)
    path.write_text(path.read_text() + "\n")
    workspace.uninstall(name, scope)
    assert "mcp-learning" not in path.read_text()
    assert len(workspace.calls) == has_command * (1 if name == "vscode" else 2)


def test_a_client_is_not_told_about_a_file_whose_comments_it_would_lose(
    workspace: Workspace,
) -> None:
    path = workspace.write(
        "claude-code", '{\n  // mine\n  "mcpServers": {"a": {"command": "a"}}\n}\n'
    )
    workspace.install("claude-code")
    assert workspace.calls == []
    assert "// mine" in path.read_text()
    assert workspace.entry("claude-code")["command"] == COMMAND[0]


def test_a_file_is_edited_when_the_client_fails(workspace: Workspace, caplog: Any) -> None:
    text = '{"mcpServers": {"a": {"command": "a"}}}'
    path = workspace.write("claude-code", text)
    if workspace.programs is not None:
        (workspace.programs / "claude").write_text("#!/bin/sh\necho 'not now' >&2\nexit 3\n")
    workspace.install("claude-code")
    assert workspace.entry("claude-code")["command"] == COMMAND[0]
    assert ("claude failed (not now)" in caplog.text) == (workspace.programs is not None)
    workspace.uninstall("claude-code")
    assert path.read_text() == text


@pytest.mark.parametrize("name", ["cursor", "codex", "vscode"])
def test_an_older_entry_is_brought_up_to_date_and_its_additions_stay(
    workspace: Workspace, name: str
) -> None:
    workspace.write(name, files(name)["other servers"])
    workspace.install(name, command=["uvx", "mcp-learning"])
    path, agent = workspace.path(name), agent_named(name)
    if agent.toml:
        path.write_text(path.read_text() + "startup_timeout_sec = 20 # slow disk\n")
    else:
        path.write_text(path.read_text().replace('"uvx",', '"uvx", "timeout": 20,  // slow disk\n'))
    workspace.install(name, MCP_LEARNING_DATA_DIR="/data")
    assert workspace.entry(name)["command"] == COMMAND[0]
    assert workspace.entry(name)["args"] == []
    assert workspace.entry(name)["env"] == {"MCP_LEARNING_DATA_DIR": "/data"}
    assert "slow disk" in path.read_text()
    workspace.uninstall(name)
    assert "mcp-learning" not in path.read_text()


def test_an_install_over_an_untouched_one_still_goes_back_to_the_first_file(
    workspace: Workspace,
) -> None:
    text = '{ "mcpServers" : { } }'
    path = workspace.write("cursor", text)
    workspace.install("cursor", command=["uvx", "mcp-learning"])
    workspace.install("cursor")
    assert workspace.entry("cursor")["command"] == COMMAND[0]
    workspace.uninstall("cursor")
    assert path.read_text() == text


def test_another_server_of_the_same_name_is_not_touched(workspace: Workspace) -> None:
    text = '{"mcpServers": {"learning": {"command": "npx", "args": ["other"]}}}'
    path = workspace.write("cursor", text)
    with pytest.raises(LearningError, match='another server named "learning"'):
        workspace.install("cursor")
    workspace.uninstall("cursor")
    assert path.read_text() == text


def test_what_a_client_lacks_is_said(workspace: Workspace) -> None:
    with pytest.raises(InvalidInput, match="hooks: VS Code has no usable hooks"):
        workspace.install("vscode", hooks=True)
    with pytest.raises(InvalidInput, match="scope: Claude Desktop has no files per project"):
        workspace.install("claude-desktop", "project")
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
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    variable: str,
    expected: str,
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(workspace.home.parent / "moved"))
    assert application_data(platform) == workspace.home.parent / expected
