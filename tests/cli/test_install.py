"""`install` as people run it: what is written starts the server, and is taken back."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Invoke
from clients.install import client_program
from process.wire import Server

from mcp_learning.clients.install import documents
from mcp_learning.clients.install.agents import AGENTS

FILES = {
    "claude-code": (".claude.json", '{"numStartups": 3, "mcpServers": {"a": {"command": "a"}}}'),
    "claude-desktop": (".config/Claude/claude_desktop_config.json", "{}\n"),
    "cursor": (".cursor/mcp.json", '{\n\t"mcpServers": {\n\t\t"a": {"url": "http://a"}\n\t}\n}\n'),
    "vscode": (
        ".config/Code/User/mcp.json",
        '{\n  // my servers\n  "servers": {\n    "a": {"command": "a"}, // one\n  },\n}\n',
    ),
    "codex": (".codex/config.toml", '# mine\nmodel = "o4"\n\n[mcp_servers.a]\ncommand = "a"\n'),
    "gemini": (".gemini/settings.json", '{\n    "theme": "dark"\n}'),
}

linux = pytest.mark.skipif(sys.platform != "linux", reason="paths as Linux has them")


@pytest.fixture(autouse=True)
def no_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program of a client that the machine may have is on the commands' PATH."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))


def entry_in(name: str, path: Path) -> dict[str, Any]:
    agent = AGENTS[name]
    return dict(documents.load(path.read_text(), toml=agent.toml)[agent.servers]["learning"])


@linux
def test_the_commands_that_are_written_speak_mcp(
    home: Path, invoke: Invoke, tmp_path: Path
) -> None:
    commands = set()
    for name, (place, text) in FILES.items():
        path = home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        done = invoke("install", name)
        assert done.exit_code == 0, done.stderr
        entry = entry_in(name, path)
        commands.add((entry["command"], *entry["args"]))
    for command in commands:
        with Server(tmp_path / "data", wrapper=list(command)) as server:
            server.initialize()
            assert len(server.request("tools/list")["result"]["tools"]) >= 7
            assert server.leave()[0] == 0


@linux
def test_a_change_is_shown_made_once_and_taken_back(home: Path, invoke: Invoke) -> None:
    place, text = FILES["vscode"]
    path = home / place
    path.parent.mkdir(parents=True)
    path.write_text(text)
    shown = invoke("install", "vscode", "--dry-run")
    assert shown.exit_code == 0, shown.stderr
    assert "dry run" in shown.stdout
    assert path.read_text() == text
    added = [line for line in shown.stdout.splitlines() if line.startswith("+")]
    assert any("learning" in line for line in added)
    done = invoke("install", "vscode")
    assert all(line in done.stdout for line in added)
    assert "nothing to change" in invoke("install", "vscode").stdout
    assert "-" in invoke("uninstall", "vscode").stdout
    assert path.read_text() == text
    assert "nothing to change" in invoke("uninstall", "vscode").stdout


@linux
def test_a_client_s_own_command_is_shown_and_run(
    home: Path, invoke: Invoke, tmp_path: Path
) -> None:
    programs = client_program.install(tmp_path / "programs")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    shown = invoke("install", "claude-code", "--dry-run", PATH=path)
    assert "$ claude mcp add learning --scope user --" in shown.stdout
    assert client_program.calls(programs) == []
    done = invoke("install", "claude-code", "--json", PATH=path)
    (report,) = json.loads(done.stdout)["files"]
    assert client_program.calls(programs) == [report["command"]]
    assert report["command"][:4] == ["claude", "mcp", "add", "learning"]
    assert entry_in("claude-code", home / ".claude.json")["type"] == "stdio"
    assert "nothing to change" in invoke("install", "claude-code", PATH=path).stdout
    assert invoke("uninstall", "claude-code", PATH=path).exit_code == 0
    assert list(home.glob("*.json")) == []


@linux
def test_the_hook_that_is_written_runs_in_a_shell(
    home: Path, invoke: Invoke, tmp_path: Path
) -> None:
    data = tmp_path / "a directory" / "data"
    done = invoke("install", "claude-code", "--hooks", "--json", "--data-dir", str(data))
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert [Path(one["path"]).name for one in report["files"]] == [".claude.json", "settings.json"]
    entry = entry_in("claude-code", home / ".claude.json")
    assert entry["env"] == {"MCP_LEARNING_DATA_DIR": str(data)}
    hooks = json.loads((home / ".claude" / "settings.json").read_text())["hooks"]
    (command,) = {hook["command"] for groups in hooks.values() for hook in groups[0]["hooks"]}
    with Server(data) as server:
        server.initialize()
        task = "Fix the login redirect loop after the session expired"
        server.call(
            "record_execution", task_type="bug_fix", task_description=task, outcome="success"
        )
        payload = {"hook_event_name": "UserPromptSubmit", "prompt": task}
        answered = subprocess.run(
            command.replace(" hook claude-code", " hook claude-code --timeout 60"),
            shell=True,
            input=json.dumps(payload).encode(),
            capture_output=True,
            cwd=home,
            env={"PATH": os.defpath, **_kept()},
            check=True,
        )
    assert task in json.loads(answered.stdout)["hookSpecificOutput"]["additionalContext"]
    assert invoke("uninstall", "claude-code", "--data-dir", str(data)).exit_code == 0
    assert list(home.rglob("*.json")) == []


@linux
def test_an_uninstall_need_not_know_where_the_database_is(
    home: Path, invoke: Invoke, tmp_path: Path
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    for place, arguments, variables in (
        ("cursor", ("--data-dir", elsewhere), {}),
        ("gemini", ("--hooks",), {"MCP_LEARNING_DATA_DIR": elsewhere}),
    ):
        assert invoke("install", place, *arguments, **variables).exit_code == 0
        assert "removed, since there was none before" in invoke("uninstall", place).stdout
    assert list(home.rglob("*.json")) == []


@linux
def test_a_plugin_is_installed_by_the_commands_of_the_client(
    home: Path, invoke: Invoke, tmp_path: Path
) -> None:
    programs = client_program.install(tmp_path / "programs")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    shown = invoke("install", "codex", "--plugin", "--dry-run", PATH=path).stdout
    assert client_program.calls(programs) == []
    done = invoke("install", "codex", "--plugin", "--json", PATH=path)
    add, install = json.loads(done.stdout)["commands"]
    assert client_program.calls(programs) == [add, install]
    assert [line.removeprefix("$ ") for line in shown.splitlines()] == [
        shlex.join(add),
        shlex.join(install),
    ]
    assert (Path(add[-1]) / ".claude-plugin" / "marketplace.json").is_file()
    assert install == ["codex", "plugin", "add", "mcp-learning@mcp-learning"]
    assert invoke("uninstall", "codex", "--plugin", PATH=path).exit_code == 0
    assert client_program.calls(programs)[2][:3] == ["codex", "plugin", "remove"]
    for further in (("--data-dir", "elsewhere"), ("--scope", "project")):
        refused = invoke("install", "codex", "--plugin", *further, PATH=path)
        assert refused.exit_code == 2
        assert f"{further[0]} can't be used with --plugin" in refused.stderr
    refused = invoke("install", "cursor", "--plugin")
    assert refused.exit_code == 2
    assert "--plugin: Cursor has no command" in refused.stderr
    missing = invoke("install", "codex", "--plugin", PATH=str(tmp_path))
    assert (missing.exit_code, "codex is not on the PATH" in missing.stderr) == (1, True)
    assert list(home.rglob("*.json")) == []


def _kept() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


def test_a_mistake_is_one_line(home: Path, invoke: Invoke) -> None:
    for arguments, complaint in (
        (("install", "emacs"), "CLIENT: 'emacs' is not known"),
        (("install", "cursor", "--scope", "system"), "--scope: 'system' is neither"),
        (("install", "vscode", "--hooks"), "--hooks: VS Code has no usable hooks"),
        (("uninstall", "claude-desktop", "--scope", "project"), "--scope: Claude Desktop has no"),
        (("hook", "emacs"), "CLIENT: 'emacs' has no hooks here"),
    ):
        done = invoke(*arguments)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"mcp-learning: {complaint}")
        assert len(done.stderr.splitlines()) == 1


def test_a_broken_file_is_named_with_the_place_and_left(home: Path, invoke: Invoke) -> None:
    path = home / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{\n  "mcpServers": {\n    "a": {"command": "a"\n  }\n}\n')
    done = invoke("install", "cursor")
    assert done.exit_code == 1
    assert f"{path} is left untouched: line 6, column 1: Expecting ',' delimiter" in done.stderr
    assert path.read_text().count("learning") == 0


@linux
def test_every_client_that_is_here_is_set_up_at_once(home: Path, invoke: Invoke) -> None:
    nobody = invoke("install", "--all")
    assert nobody.exit_code == 1
    assert "none of claude-code" in nobody.stderr
    for name in ("cursor", "codex"):
        place, text = FILES[name]
        (home / place).parent.mkdir(parents=True)
        (home / place).write_text(text)
    done = invoke("install", "--all", "--json")
    assert done.exit_code == 0, done.stderr
    assert [one["client"] for one in json.loads(done.stdout)["clients"]] == ["cursor", "codex"]
    for name in ("cursor", "codex"):
        assert entry_in(name, home / FILES[name][0])["args"] == []
    assert invoke("uninstall", "--all").exit_code == 0
    for name in ("cursor", "codex"):
        assert (home / FILES[name][0]).read_text() == FILES[name][1]
    unclear = invoke("install", "cursor", "--all")
    assert (unclear.exit_code, unclear.stderr) == (
        2,
        "mcp-learning: CLIENT: name one, or give --all\n",
    )
