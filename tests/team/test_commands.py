"""`mcp-learning team` and what `doctor` and `show` say of a team, as a person runs them."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from cli.conftest import invoked
from process.wire import Server
from team.hosts import make_team, settings_of
from team.server import PostgresServer
from waiting import wait_until

from mcp_learning.cli import checks
from mcp_learning.cli.check_runner import CheckContext, CheckFailed
from mcp_learning.store.duckdb import inspection


class Commands:
    """Runs commands of one host, in this process."""

    def __init__(self, directory: Path, server: PostgresServer, database: str, role: str) -> None:
        self.environment = {
            "MCP_LEARNING_DATA_DIR": str(directory / role),
            "MCP_LEARNING_TEAM": "shop",
            "MCP_LEARNING_TEAM_URL": server.url(database, role),
            "MCP_LEARNING_TEAM_REPOS": "acme/*",
        }

    def alone(self) -> "Commands":
        """The same host without a team."""
        self.environment = {"MCP_LEARNING_DATA_DIR": self.environment["MCP_LEARNING_DATA_DIR"]}
        return self

    def run(self, *arguments: str, status: int = 0) -> str:
        done = invoked(*arguments, **self.environment)
        told = done.stdout + done.stderr
        assert done.exit_code == status, told
        assert "postgresql://" not in told
        assert "Traceback" not in told
        return told

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    file = tmp_path / "runs.jsonl"
    row = {"task_type": "bug_fix", "task_description": "mend the cart", "outcome": "success"}
    rows = [{**row, "repo": repo} for repo in ("acme/shop", "ada/notes")]
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return file


def test_a_database_moves_into_a_team_and_out_of_it(
    server: PostgresServer, database: str, tmp_path: Path, record: Path
) -> None:
    owner, ada, ben = (Commands(tmp_path, server, database, role) for role in ("app", "ada", "ben"))
    Commands(tmp_path, server, database, "ada").alone().run("import", "jsonl", str(record))
    made = owner.json("team", "init", "--member", "ada", "--reader", "ben")
    assert (made["writers"], made["readers"]) == (["ada"], ["ben"])
    assert ada.json("team", "push")["added"] == 1  # the other one belongs to no shared repository
    assert ben.json("team", "join")["pulled"] == 1
    status = ben.run("team", "status")
    assert "only reads as 'ben'" in status
    assert "No execution was deleted" in ben.run("team", "leave", "--yes")
    file = str(tmp_path / "all.jsonl")
    ben.alone().run("export", file)
    elsewhere = Commands(tmp_path, server, database, "eve").alone()
    assert elsewhere.json("import", "jsonl", file, "--no-embed")["created"] == 1


def test_while_the_server_is_away_status_and_doctor_say_what_waits_and_how_far_behind_it_was(
    database: str, tmp_path: Path, record: Path
) -> None:
    own = PostgresServer()
    try:
        own.start()
        own.execute("postgres", "CREATE ROLE ada LOGIN", f"CREATE DATABASE {database}")
        anyio.run(make_team, own, database, "ada")
        ada = Commands(tmp_path, own, database, "ada")
        assert ada.json("team", "join")["pushed"] == 0
        own.kill()
        ada.run("import", "jsonl", str(record), "--no-embed")
        told = ada.run("team", "status", status=1)
        assert "can't be reached" in told
        assert "1 change waits for the team since 2" in told
        assert "not reached since" in told
        context = CheckContext(None)
        context.settings = settings_of(own, database, tmp_path, "ada")
        context.stored = inspection.summary(tmp_path / "ada" / "learning.duckdb")
        with pytest.raises(CheckFailed) as failed:
            checks.team(context)
        assert "1 change waits for the team since 2" in failed.value.fix
    finally:
        own.remove()


def test_doctor_asks_the_team_s_store(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    anyio.run(make_team, server, database, "ada")
    context = CheckContext(None)
    context.settings = settings_of(server, database, tmp_path, "ada")
    assert checks.team(context).detail == "shop answers; this host is ada there"
    context.settings = settings_of(server, database, tmp_path, "ben")
    with pytest.raises(CheckFailed, match="--member ROLE"):
        checks.team(context)


def test_two_servers_share_what_their_agents_record(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    anyio.run(make_team, server, database, "ada", "ben")

    def started(role: str) -> Server:
        environment = Commands(tmp_path, server, database, role).environment
        directory = Path(environment.pop("MCP_LEARNING_DATA_DIR"))
        return Server(directory, wrapper=None, **environment)

    task = {"task_type": "bug_fix", "task_description": "mend the cart", "outcome": "success"}
    with started("ada") as first, started("ben") as second:
        for one in (first, second):
            one.initialize()
        first.call("record_execution", **task, repo="acme/shop")

        def matches() -> list[Any]:
            found = second.call("find_similar_tasks", task_description="mend the cart")
            matches: list[Any] = found["structuredContent"]["matches"]
            return matches

        wait_until(lambda: bool(matches()))
        assert [match["author"] for match in matches()] == ["ada"]
        for one in (first, second):
            status, told = one.leave()
            assert status == 0
            assert "postgresql://" not in told
