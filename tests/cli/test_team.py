"""`mcp-learning team` where it can't do anything yet."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import Invoke

WITHOUT_PSYCOPG = (
    "import sys; sys.modules['psycopg'] = None; from mcp_learning.cli import main; main()"
)


@pytest.mark.parametrize(
    ("team", "said"), [("", "MCP_LEARNING_TEAM"), ("shop", "pip install 'mcp-learning[team]'")]
)
def test_what_is_missing_is_one_line(team: str, said: str, home: Path) -> None:
    environment = {"HOME": str(home), "MCP_LEARNING_TEAM": team}
    if team:
        environment["MCP_LEARNING_TEAM_URL"] = "postgresql://agent@localhost/learning"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PSYCOPG, "team", "status"],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("mcp-learning: ")
    assert said in line


def test_an_unknown_action_is_one_line_that_names_those_there_are(invoke: Invoke) -> None:
    refused = invoke("team", "sync")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "mcp-learning: ACTION: 'sync' is none of init, upgrade, status, join, leave, push, pull\n"
    )
