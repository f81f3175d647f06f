"""Files that can't be edited safely are refused untouched; links and modes stay."""

import os
from pathlib import Path

import pytest
from clients.install.workspace import COMMAND, Workspace

from mcp_learning.clients.install import plan
from mcp_learning.clients.install.agents import agent_named
from mcp_learning.clients.install.files import MAX_BYTES
from mcp_learning.clients.install.hook_entries import HOOKS
from mcp_learning.errors import LearningError

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
    "rather deep": b'{"a":' * 600 + b"1" + b"}" * 600,
}


@pytest.mark.parametrize("shape", BROKEN)
def test_a_broken_file_is_refused_untouched(workspace: Workspace, shape: str) -> None:
    path = workspace.path("gemini")
    path.parent.mkdir()
    path.write_bytes(BROKEN[shape])
    with pytest.raises(LearningError) as refused:
        workspace.install("gemini")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == BROKEN[shape]
    assert not workspace.records.directory.exists()


@pytest.mark.parametrize(
    "text", ["[mcp_servers\n", "a = 1\na = 2\n", "mcp_servers = 3\n", "x = \x01\n"]
)
def test_a_broken_toml_file_is_refused_untouched(workspace: Workspace, text: str) -> None:
    path = workspace.write("codex", text)
    with pytest.raises(LearningError, match=r"config\.toml"):
        workspace.install("codex")
    assert path.read_text() == text


def test_nothing_is_written_when_the_second_of_two_files_is_broken(workspace: Workspace) -> None:
    settings = HOOKS["claude-code"].place("user")
    settings.parent.mkdir()
    settings.write_text("{")
    with pytest.raises(LearningError, match=r"settings\.json"):
        workspace.install("claude-code", hooks=True)
    assert not workspace.path("claude-code").exists()


def test_a_directory_in_the_place_of_a_file_is_refused(workspace: Workspace) -> None:
    workspace.path("cursor").mkdir(parents=True)
    with pytest.raises(LearningError, match="not a regular file"):
        workspace.install("cursor")


def test_a_gigantic_file_is_refused_unread(workspace: Workspace) -> None:
    path = workspace.write("cursor", "{}")
    with path.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(LearningError, match="larger than 64 MB"):
        workspace.install("cursor")


@pytest.mark.skipif(os.name != "posix", reason="modes as POSIX has them")
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write everything")
def test_a_read_only_file_is_refused_untouched(workspace: Workspace) -> None:
    path = workspace.write("gemini", "{}\n")
    path.chmod(0o444)
    with pytest.raises(LearningError, match="read-only; make it writable"):
        workspace.install("gemini")
    assert path.read_text() == "{}\n"


@pytest.mark.skipif(os.name != "posix", reason="modes and links as POSIX has them")
def test_a_link_stays_a_link_and_a_mode_stays_a_mode(workspace: Workspace, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "mcp.json"
    real.parent.mkdir()
    real.write_text("{}\n")
    real.chmod(0o640)
    path = workspace.path("cursor")
    path.parent.mkdir()
    path.symlink_to(real)
    (backup,) = workspace.install("cursor")
    assert path.is_symlink()
    assert "mcp-learning" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert backup is not None
    assert backup.stat().st_mode & 0o777 == 0o600
    workspace.uninstall("cursor")
    assert path.is_symlink()
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("{}\n", 0o640)
    assert list(real.parent.iterdir()) == [real]


@pytest.mark.skipif(os.name != "posix", reason="links as POSIX has them")
def test_a_loop_of_links_is_refused(workspace: Workspace) -> None:
    path = workspace.path("cursor")
    path.parent.mkdir()
    path.symlink_to(path)
    with pytest.raises(LearningError, match=r"mcp\.json"):
        workspace.install("cursor")


def test_a_file_that_changes_between_plan_and_write_is_left_alone(workspace: Workspace) -> None:
    path = workspace.write("cursor", "{}\n")
    (edit,) = plan.plan_install(agent_named("cursor"), "user", command=COMMAND)
    path.write_text('{"other": 1}\n')
    with pytest.raises(LearningError, match="changed meanwhile"):
        plan.apply_install(edit, workspace.records)
    assert path.read_text() == '{"other": 1}\n'
