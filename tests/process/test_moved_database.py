"""The data directory is moved, removed or replaced under a running server.

No row that was acknowledged is lost, on either side, and the agent goes on without a restart.
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import duckdb
import pytest
from process.wire import Server
from store.rows import execution, migrated

from mcp_learning.store.duckdb import executions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an open file can't be moved")


def started(data_dir: Path) -> Server:
    server = Server(data_dir)
    server.initialize()
    return server


def record(server: Server, text: str) -> str:
    task = {"task_type": "bug_fix", "task_description": text, "outcome": "success"}
    result = server.call("record_execution", **task)
    assert not result.get("isError"), result
    return str(result["structuredContent"]["task_id"])


def refusal(server: Server) -> str:
    result = server.call("record_execution", task_type="a", task_description="b", outcome="success")
    assert result.get("isError"), result
    return str(result["content"][0]["text"])


def recorded(data_dir: Path) -> set[str]:
    """What a database holds that nobody has open."""
    with duckdb.connect(str(data_dir / "learning.duckdb")) as connection:
        rows = connection.execute("SELECT task_description FROM executions").fetchall()
    return {row[0] for row in rows}


def terminate(server: Server) -> None:
    server.process.terminate()
    assert server.process.wait(timeout=30) == 0


def test_an_agent_goes_on_with_the_database_that_is_there_now(tmp_path: Path) -> None:
    data, moved, backup = tmp_path / "data", tmp_path / "moved", tmp_path / "backup.duckdb"
    with started(data) as first:
        record(first, "in the directory that moves")
        assert not first.call("learning_stats").get("isError")

        data.rename(moved)
        with started(data) as second:
            record(second, "of the second")
            record(first, "of the first, recorded after the move")
            assert second.call("learning_stats")["structuredContent"]["totals"]["executions"] == 2
            second.process.kill()
            second.process.wait(timeout=30)
        assert recorded(moved) == {"in the directory that moves"}
        record(first, "when the second was gone")

        data.rename(tmp_path / "elsewhere")
        assert "learning.duckdb is gone: it was moved or removed" in refusal(first)
        assert not data.exists(), "a new directory would be in the way of who moves another there"
        (tmp_path / "elsewhere").rename(data)
        record(first, "when the directory was back")

        shutil.copyfile(data / "learning.duckdb", backup)  # as of the last checkpoint
        (data / "run" / "leader.lock").unlink()
        with started(data) as third:
            record(third, "of the third")
            record(first, "of the first beside the third")
            terminate(third)
        record(first, "when the third was gone")
        terminate(first)
    assert recorded(data) == {
        "of the second",
        "of the first, recorded after the move",
        "when the second was gone",
        "when the directory was back",
        "of the third",
        "of the first beside the third",
        "when the third was gone",
    }


def test_a_restored_file_is_used_as_it_is(tmp_path: Path) -> None:
    data, backup = tmp_path / "data", tmp_path / "backup.duckdb"
    data.mkdir(mode=0o700)
    with migrated(data / "learning.duckdb") as cursor:
        executions.insert(cursor, execution(task_description="before the backup"))
    shutil.copyfile(data / "learning.duckdb", backup)
    with started(data) as first:
        record(first, "after the backup")
        shutil.copyfile(backup, data / "learning.duckdb")
        record(first, "after the copy")
        backup.rename(data / "learning.duckdb")
        record(first, "after the move")
        assert first.leave()[0] == 0
    assert recorded(data) == {"before the backup", "after the move"}


def test_a_server_that_ends_before_it_notices_leaves_the_new_database_alone(tmp_path: Path) -> None:
    data, moved = tmp_path / "data", tmp_path / "moved"
    with started(data) as first:
        record(first, "of the first")
        first.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, first.process.pid, os.WSTOPPED | os.WNOWAIT)
        data.rename(moved)
        with started(data) as second:
            record(second, "of the second")
            first.process.terminate()
            first.process.send_signal(signal.SIGCONT)
            assert first.process.wait(timeout=30) == 0
            record(second, "of the second again")
            second.process.kill()
            second.process.wait(timeout=30)
    assert recorded(data) == {"of the second", "of the second again"}
    assert recorded(moved) == {"of the first"}
