"""Hooks of every client that has some: added once beside others, and taken back."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from clients.install.workspace import Workspace

from mcp_learning.clients.hook_events import CLIENTS
from mcp_learning.clients.install import jsonc
from mcp_learning.clients.install.hook_entries import HOOKS
from mcp_learning.errors import InvalidInput

SETTINGS = (
    '{\n  // mine\n  "permissions": {"allow": ["Bash(ls)"]},\n  "hooks": {\n'
    '    "Stop": [\n      { "hooks": [ { "type": "command", "command": "say done" } ] }\n    ]\n'
    "  },\n}\n"
)
GUARD = "" if sys.platform == "win32" else " || true"


def place(client: str, text: str | None = None) -> Path:
    path = HOOKS[client].place("user")
    path.parent.mkdir(parents=True, exist_ok=True)
    if text is not None:
        path.write_text(text)
    return path


def commands_in(config: dict[str, Any], event: str) -> list[str]:
    found = []
    for entry in config["hooks"][event]:
        found += [hook["command"] for hook in entry.get("hooks", [entry])]
    return found


@pytest.mark.parametrize("client", HOOKS)
def test_hooks_are_added_for_each_event_that_is_answered_and_taken_back(
    workspace: Workspace, client: str
) -> None:
    path = place(client)
    workspace.install(client, hooks=True)
    config = json.loads(path.read_text())
    assert config["hooks"].keys() == CLIENTS[client].events.keys() >= HOOKS[client].tools.keys()
    for event in config["hooks"]:
        assert commands_in(config, event) == [
            f"'/opt/my venv/bin/mcp-learning' hook {client}{GUARD}"
        ]
    assert workspace.install(client, hooks=True) == []
    workspace.uninstall(client)
    assert not path.exists()


@pytest.mark.parametrize("text", [SETTINGS, "{}\n", "", '{"hooks":{"Stop":[]}}'])
@pytest.mark.parametrize("client", ["claude-code", "gemini"])
def test_hooks_are_added_once_beside_others_and_taken_back(
    workspace: Workspace, client: str, text: str
) -> None:
    settings = place(client, text)
    workspace.install(client, hooks=True)
    hooks = jsonc.loads(settings.read_text())["hooks"]
    for event in HOOKS[client].events:
        ours = [one for group in hooks[event] for one in group["hooks"] if "hook " in str(one)]
        assert len(ours) == 1
    assert ("say done" in settings.read_text()) == ("say done" in text)
    assert workspace.install(client, hooks=True) == []
    workspace.uninstall(client)
    assert settings.read_text() == text


@pytest.mark.parametrize("client", ["claude-code", "gemini"])
def test_hooks_go_away_although_the_file_was_changed_since(
    workspace: Workspace, client: str
) -> None:
    settings = place(client, SETTINGS)
    workspace.install(client, hooks=True)
    settings.write_text(settings.read_text().replace("say done", "say well done"))
    workspace.uninstall(client)
    assert settings.read_text() == SETTINGS.replace("say done", "say well done")


def test_hooks_of_others_stay_where_hooks_have_no_groups(workspace: Workspace) -> None:
    other = {"version": 1, "hooks": {"postToolUse": [{"command": "say done"}], "stop": []}}
    path = place("cursor", json.dumps(other))
    workspace.install("cursor", hooks=True)
    assert commands_in(json.loads(path.read_text()), "postToolUse")[1:] == ["say done"]
    path.write_text(path.read_text().replace("say done", "say well done"))
    workspace.uninstall("cursor")
    other["hooks"]["postToolUse"] = [{"command": "say well done"}]  # type: ignore[index]
    assert json.loads(path.read_text()) == other


def test_an_older_hook_gets_the_new_command(workspace: Workspace) -> None:
    hook = {"type": "command", "command": "/old/mcp-learning hook claude-code", "timeout": 5}
    path = place("claude-code", json.dumps({"hooks": {"Stop": [{"hooks": [hook]}]}}))
    workspace.install("claude-code", hooks=True)
    (command,) = commands_in(json.loads(path.read_text()), "Stop")
    assert command.startswith("'/opt/my venv/bin/mcp-learning'")


def test_hooks_of_a_project_are_not_in_a_file_that_is_shared(workspace: Workspace) -> None:
    workspace.install("claude-code", "project", hooks=True)
    made = {str(p.relative_to(workspace.project)) for p in workspace.project.rglob("*.json")}
    assert made == {".mcp.json", str(Path(".claude") / "settings.local.json")}
    with pytest.raises(InvalidInput, match="scope: hooks of a project would be shared"):
        workspace.install("copilot", "project", hooks=True)
    assert not (workspace.project / ".github").exists()
