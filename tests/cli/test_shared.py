"""Commands while servers run: through the leader; without any, on the database itself."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from cli.conftest import Ask, Invoke
from process.wire import Server
from store.rows import execution, migrated

from mcp_learning.cli import checks
from mcp_learning.cli.check_runner import CheckContext
from mcp_learning.store.duckdb import executions

TASK = {
    "task_type": "bug_fix",
    "task_description": "Fix the login redirect loop after the session expired",
    "outcome": "success",
}


def recorded(server: Server) -> str:
    result = server.call("record_execution", **TASK)
    return str(result["structuredContent"]["task_id"])


def test_commands_go_through_a_running_server_and_open_the_database_when_there_is_none(
    data_dir: Path, ask: Ask
) -> None:
    with Server(data_dir) as server:
        server.initialize()
        task_id = recorded(server)
        found = ask("similar", "users are redirected to the login again and again")
        assert [match["task_id"] for match in found["matches"]] == [task_id]
        assert [one["task_id"] for one in ask("list")["executions"]] == [task_id]
        assert ask("edit", task_id[:13], "--approach", "guess")["changed"] == ["approach"]
        assert ask("rebuild-index", "--preset", "fast")["rows"] == 1
        health = ask("stats")["health"]
        assert health["leader"]["pid"] == health["owner_pid"] == server.process.pid
        assert health["index"]["state"] == "ready"
        made = ask("generate-data", "--count", "20", "--yes")
        assert (made["rows"], ask("stats")["health"]["pending"]) == (20, 0)
        assert ask("prune", "--generated")["kept"] == 1
        assert server.leave()[0] == 0

    found = ask("similar", "users are redirected to the login again and again")
    assert [match["task_id"] for match in found["matches"]] == [task_id]
    assert ask("stats")["health"]["leader"]["pid"] != server.process.pid


def test_an_error_is_one_line_with_a_server_and_without(data_dir: Path, invoke: Invoke) -> None:
    data_dir.mkdir(mode=0o700)
    with migrated(data_dir / "learning.duckdb"):
        pass
    command = ("rebuild-index", "--data-dir", str(data_dir))
    alone = invoke(*command)
    with Server(data_dir) as server:
        server.initialize()
        server.call("learning_stats")
        through_it = invoke(*command)
    for done in (alone, through_it):
        assert done.exit_code == 1
        assert done.stderr.strip() == (
            "mcp-learning: there is nothing to index yet; record executions first"
        )


def test_a_server_works_through_a_command_that_has_the_database_open(
    data_dir: Path,
) -> None:
    data_dir.mkdir(mode=0o700)
    with migrated(data_dir / "learning.duckdb") as cursor:
        executions.insert(cursor, execution(**TASK, recorded_at=datetime.now(UTC)))
    command = [sys.executable, "-c", HELD_OPEN, "stats", "--json", "--data-dir", str(data_dir)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as held:
        assert held.stdout is not None
        assert held.stdout.readline() == b"open\n"
        with Server(data_dir) as server:
            server.initialize()
            recorded(server)
            health = server.call("learning_stats")["structuredContent"]["health"]
            assert health["leader"]["pid"] == held.pid
            assert health["rows"] == 2
            output, _ = held.communicate()
            assert json.loads(output)["totals"]["executions"] == 2
            recorded(server)
            health = server.call("learning_stats")["structuredContent"]["health"]
            assert health["leader"]["pid"] == server.process.pid
            assert health["rows"] == 3


HELD_OPEN = """
import sys
import anyio.to_thread
from mcp_learning.service.learning import LearningService
really, calls = LearningService.health, []
async def health(self):
    calls.append(self)
    found = await really(self)
    if len(calls) == 1:
        print("open", flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read)
    return found
LearningService.health = health
from mcp_learning.cli import main
main()
"""
"""The command, which asks for executions once its stdin is closed."""


def test_doctor_names_who_leads_and_who_follows(data_dir: Path) -> None:
    with Server(data_dir) as leader:
        leader.initialize()
        recorded(leader)
        with Server(data_dir) as follower:
            follower.initialize()
            recorded(follower)
            context = CheckContext(data_dir)
            checks.settings(context)
            detail = checks.database(context).detail
    assert "2 executions; open in process" in detail
    before, after = detail.split("followed by")
    assert f"process {leader.process.pid} (mcp-learning " in before
    assert f"process {follower.process.pid} (mcp-learning " in after
