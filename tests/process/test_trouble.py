"""A database that can't be used: a clear tool error each time, and service once it is mended."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from process.wire import Server
from store.rows import execution, migrated

from mcp_learning.store.duckdb import executions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs modes and signals")

TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}
CALLS: dict[str, dict[str, Any]] = {
    "record_execution": TASK,
    "find_similar_tasks": {"task_description": "login"},
    "get_execution": {"task_id": "01a205cd-bc2b-7552-b855-cb78666bdacf"},
    "learning_stats": {},
    "forget_executions": {"repo": "a"},
}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def made(data_dir: Path) -> Path:
    """A database with one execution."""
    data_dir.mkdir(mode=0o700)
    with migrated(data_dir / "learning.duckdb") as cursor:
        executions.insert(cursor, execution(**TASK, recorded_at=datetime.now(UTC)))
    return data_dir / "learning.duckdb"


def assert_all_refused(server: Server, *words: str) -> None:
    for tool, arguments in CALLS.items():
        result = server.call(tool, **arguments)
        text = result["content"][0]["text"]
        assert result["isError"], tool
        assert all(word in text for word in words), text
        assert "\n" not in text
        assert "Error" not in text
    status = server.request("resources/read", {"uri": "learning://status"})
    assert all(word in status["error"]["message"] for word in words)
    reference = {"type": "ref/prompt", "name": "finish_task"}
    argument = {"name": "repo", "value": ""}
    completed = server.request("completion/complete", {"ref": reference, "argument": argument})
    assert completed["result"]["completion"]["values"] == []
    assert len(server.request("tools/list")["result"]["tools"]) == 10


def assert_serves(server: Server, executions: int) -> None:
    assert not server.call("record_execution", **TASK).get("isError")
    stats = server.call("learning_stats")["structuredContent"]
    assert stats["totals"]["executions"] == executions
    found = server.call("find_similar_tasks", task_description="login fixing")
    assert found["structuredContent"]["matches"]


@contextmanager
def held(data_dir: Path) -> Iterator[int]:
    """A process without a server has the database open; its id."""
    children = Path(__file__).parent.parent / "store" / "children.py"
    command = [sys.executable, str(children), "hold", str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        yield json.loads(holder.stdout.readline())["pid"]
        holder.communicate()


def test_a_process_that_has_the_file_open_is_named_until_it_has_closed_it(data_dir: Path) -> None:
    made(data_dir)
    with ExitStack() as holding:
        pid = holding.enter_context(held(data_dir))  # before the server can open the file
        with Server(data_dir) as server:
            server.initialize()
            assert_all_refused(server, f"process {pid}", "MCP_LEARNING_DATA_DIR")
            holding.close()
            assert_serves(server, 2)
            assert server.leave()[0] == 0


def not_a_database(file: Path) -> None:
    file.write_bytes(b"this is no database\n" * 1_000)


def cut_short(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 9 // 10)


def of_a_newer_version(file: Path) -> None:
    with duckdb.connect(str(file)) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, 'future', now())")


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (not_a_database, "not a DuckDB database"),
        (cut_short, "cut short"),
        (of_a_newer_version, "update mcp-learning"),
    ],
)
def test_a_file_that_can_t_be_used_is_left_alone_until_it_is_replaced(
    spoil: Callable[[Path], None], word: str, data_dir: Path, tmp_path: Path
) -> None:
    file = made(data_dir)
    backup = tmp_path / "backup"
    shutil.copyfile(file, backup)
    spoil(file)
    spoilt = file.read_bytes()

    with Server(data_dir) as server:
        server.initialize()
        assert_all_refused(server, word, str(file))
        assert file.read_bytes() == spoilt

        shutil.copyfile(backup, file)

        assert_serves(server, 2)
        status, stderr = server.leave()
    assert status == 0
    assert "Traceback" not in stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, where nobody may write")
def test_a_directory_that_can_t_be_made_is_named_with_the_fix() -> None:
    with Server(Path("/proc/mcp-learning/data")) as server:
        server.initialize()
        assert_all_refused(server, "/proc/mcp-learning/data", "MCP_LEARNING_DATA_DIR")
        assert server.leave()[0] == 0


@pytest.mark.skipif(sys.platform != "win32" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_write_permission_is_named_with_the_fix(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o500)
    with Server(data_dir) as server:
        server.initialize()
        assert_all_refused(server, str(data_dir), "MCP_LEARNING_DATA_DIR")
        data_dir.chmod(0o700)
        assert_serves(server, 1)


def test_a_file_in_the_place_of_the_directory_is_named_with_the_fix(data_dir: Path) -> None:
    data_dir.write_text("not a directory")
    with Server(data_dir) as server:
        server.initialize()
        assert_all_refused(server, str(data_dir), "MCP_LEARNING_DATA_DIR")
        data_dir.unlink()
        assert_serves(server, 1)


BROKEN = """
raise ImportError(
    "\\n\\nIMPORTANT: PLEASE READ THIS FOR ADVICE\\n\\n  * The Python version is: Python3 from "
    + __file__
)
"""
"""What a numpy says that lacks memory, with the paths of the installation."""


def test_a_library_that_can_t_be_imported_is_one_line_and_the_server_goes_on(
    data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "numpy.py").write_text(BROKEN)
    with Server(data_dir, PYTHONPATH=str(tmp_path / "broken")) as server:
        server.initialize()
        assert not server.call("record_execution", **TASK).get("isError")
        for _ in range(3):
            result = server.call("find_similar_tasks", task_description="login")
            assert result["content"][0]["text"].startswith(
                "find_similar_tasks failed in the server"
            )
            assert "\n" not in result["content"][0]["text"]
        prompt = server.request(
            "prompts/get", {"name": "start_task", "arguments": {"task_description": "login"}}
        )
        assert prompt["error"]["message"].startswith("start_task failed in the server")
        assert not server.call("record_execution", **TASK).get("isError")
        page = server.request("resources/read", {"uri": "learning://status"})
        assert page["error"]["message"].startswith("reading learning://status failed in the server")
        assert str(tmp_path) not in str(page)
        status, stderr = server.leave()
    assert status == 0
    assert "IMPORTANT: PLEASE READ" in stderr


def test_a_wrong_setting_is_named_and_ends_the_server(data_dir: Path) -> None:
    with Server(data_dir, MCP_LEARNING_SEARCH_MODE="fastest") as server:
        status, stderr = server.leave()
    assert status == 2
    assert "MCP_LEARNING_SEARCH_MODE" in stderr
    assert "Traceback" not in stderr
