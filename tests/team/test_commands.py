"""`mcp-learning team` and what `doctor` and `show` say of a team, as a person runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from team.server import PostgresServer


class Shell:
    """Runs commands of one host."""

    def __init__(self, directory: Path, server: PostgresServer, database: str, role: str) -> None:
        self._environment = {
            **os.environ,
            "MCP_LEARNING_DATA_DIR": str(directory / role),
            "MCP_LEARNING_TEAM": "shop",
            "MCP_LEARNING_TEAM_URL": server.url(database, role),
            "MCP_LEARNING_TEAM_REPOS": "acme/*",
        }

    def run(self, *arguments: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mcp_learning", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == status, told
        assert "postgresql://" not in told
        assert "Traceback" not in told
        return told

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    file = tmp_path / "runs.jsonl"
    row = {"task_type": "bug_fix", "task_description": "mend the cart", "outcome": "success"}
    file.write_text(json.dumps({**row, "repo": "acme/shop"}) + "\n")
    return file


def test_a_team_is_set_up_joined_asked_and_left(
    server: PostgresServer, database: str, tmp_path: Path, record: Path
) -> None:
    owner, ada, ben = (Shell(tmp_path, server, database, role) for role in ("app", "ada", "ben"))
    made = owner.json("team", "init", "--member", "ada", "--reader", "ben")
    assert (made["writers"], made["readers"]) == (["ada"], ["ben"])
    ada.run("import", "jsonl", str(record), "--no-embed")
    assert ada.json("team", "push")["pushed"] == 1
    assert ben.json("team", "join")["pulled"] == 1
    status = ben.run("team", "status")
    assert "only reads as 'ben'" in status
    assert "shop answers" in ada.run("doctor")
    assert "No execution was deleted" in ben.run("team", "leave", "--yes")
    assert "mend the cart" in ben.run("list")
