"""Hooks of Claude Code: added once beside others, and taken back."""

from pathlib import Path

import pytest
from clients.install.workspace import Workspace

from mcp_learning.clients.install import jsonc
from mcp_learning.clients.install.agents import hooks_file
from mcp_learning.clients.install.entries import HOOK_EVENTS

SETTINGS = (
    '{\n  // mine\n  "permissions": {"allow": ["Bash(ls)"]},\n  "hooks": {\n'
    '    "Stop": [\n      { "hooks": [ { "type": "command", "command": "say done" } ] }\n    ]\n'
    "  },\n}\n"
)


@pytest.mark.parametrize("text", [SETTINGS, "{}\n", "", '{"hooks":{"Stop":[]}}'])
def test_hooks_are_added_once_beside_others_and_taken_back(workspace: Workspace, text: str) -> None:
    settings = hooks_file("user")
    settings.parent.mkdir()
    settings.write_text(text)
    workspace.install("claude-code", hooks=True)
    hooks = jsonc.loads(settings.read_text())["hooks"]
    for event in HOOK_EVENTS:
        ours = [one for group in hooks[event] for one in group["hooks"] if "hook cl" in str(one)]
        assert [one["command"] for one in ours] == [
            "'/opt/my venv/bin/mcp-learning' hook claude-code"
        ]
    assert ("say done" in settings.read_text()) == ("say done" in text)
    assert workspace.install("claude-code", hooks=True) == []
    workspace.uninstall("claude-code")
    assert settings.read_text() == text


def test_hooks_go_away_although_the_file_was_changed_since(workspace: Workspace) -> None:
    settings = hooks_file("user")
    settings.parent.mkdir()
    settings.write_text(SETTINGS)
    workspace.install("claude-code", hooks=True)
    settings.write_text(settings.read_text().replace("say done", "say well done"))
    workspace.uninstall("claude-code")
    assert settings.read_text() == SETTINGS.replace("say done", "say well done")


def test_hooks_of_a_project_are_not_in_the_file_that_is_shared(workspace: Workspace) -> None:
    workspace.install("claude-code", "project", hooks=True)
    made = {str(p.relative_to(workspace.project)) for p in workspace.project.rglob("*.json")}
    assert made == {".mcp.json", str(Path(".claude") / "settings.local.json")}
