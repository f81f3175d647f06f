"""The life of a server process: first answers, every way to end, and what is durable."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from process.wire import INITIALIZE, Server

from mcp_learning.server.lenient_stdio import MAX_UNWRITTEN

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals and named pipes")

TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}
MODERN = {
    "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
}


class Blockade:
    """Makes the import of packages wait on a named pipe until it is lifted."""

    def __init__(self, directory: Path, *names: str) -> None:
        self.pipe = directory / "blockade"
        os.mkfifo(self.pipe)
        self.path = directory / "poisoned"
        for name in names:
            package = self.path / name
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(
                f"open({str(self.pipe)!r}).read()\nraise ImportError('blocked')\n"
            )
        self._end: int | None = None

    def wait_until_hit(self) -> None:
        """Returns once a process is waiting: opening the other end waits for it."""
        self._end = os.open(self.pipe, os.O_WRONLY)

    def lift(self) -> None:
        if self._end is not None:
            os.close(self._end)


def test_what_was_asked_before_stdin_closed_is_answered(tmp_path: Path) -> None:
    lines = [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": INITIALIZE}]
    lines.append({"jsonrpc": "2.0", "method": "notifications/initialized"})
    arguments = {"task_type": "test", "task_description": "say it and go", "outcome": "success"}
    call = {"name": "record_execution", "arguments": arguments}
    lines += [
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": call}
        for number in range(1, 9)
    ]
    call = {"name": "find_similar_tasks", "arguments": {"task_description": "say it"}}
    lines.append({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call})
    with Server(tmp_path / "data") as server:
        text = b"".join(json.dumps(line).encode() + b"\n\r\n" for line in lines)  # empty lines
        answers, _ = server.process.communicate(text, timeout=30)
        assert server.process.returncode == 0
    answered = {message["id"]: message for message in map(json.loads, answers.splitlines())}
    assert answered.keys() == set(range(10))
    assert all("structuredContent" in answered[number]["result"] for number in range(1, 10))


@pytest.fixture
def blockade(tmp_path: Path) -> Iterator[Blockade]:
    made = Blockade(tmp_path, "fastembed", "onnxruntime")
    yield made
    made.lift()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def stored(data_dir: Path) -> set[str]:
    with duckdb.connect(str(data_dir / "learning.duckdb")) as connection:
        rows = connection.execute("SELECT task_id::VARCHAR FROM executions").fetchall()
    return {row[0] for row in rows}


def record(server: Server, **values: Any) -> str:
    result = server.call("record_execution", **(TASK | values))
    assert not result.get("isError"), result
    return str(result["structuredContent"]["task_id"])


def end(server: Server, how: str) -> tuple[int, str]:
    if how != "EOF":
        server.process.send_signal(getattr(signal, how))
        server.process.wait(timeout=30)  # with stdin still open
    return server.leave()


@pytest.mark.parametrize("how", ["EOF", "SIGTERM", "SIGINT"])
def test_a_server_works_and_ends_cleanly_while_the_model_s_import_is_blocked(
    how: str, data_dir: Path, blockade: Blockade
) -> None:
    with Server(data_dir, PYTHONPATH=str(blockade.path)) as server:
        result = server.initialize()
        assert result["serverInfo"]["name"] == "mcp-learning"
        assert len(server.request("tools/list")["result"]["tools"]) == 10
        task_id = record(server)
        blockade.wait_until_hit()  # only now can the import have gone on
        second = record(server)
        assert server.call("get_execution", task_id=task_id)["structuredContent"]["execution"]
        status, stderr = end(server, how)
    assert status == 0
    assert "Traceback" not in stderr
    assert stored(data_dir) == {task_id, second}


def test_discovery_is_answered_while_the_model_s_import_is_blocked(
    data_dir: Path, blockade: Blockade
) -> None:
    with Server(data_dir, PYTHONPATH=str(blockade.path)) as server:
        answer = server.request("server/discover", MODERN)
        assert "2026-07-28" in json.dumps(answer["result"])
        call = {"name": "record_execution", "arguments": TASK, **MODERN}
        recorded = server.request("tools/call", call)["result"]
        assert recorded["structuredContent"]["created"] is True
        blockade.wait_until_hit()
        assert end(server, "EOF")[0] == 0
    assert stored(data_dir) == {recorded["structuredContent"]["task_id"]}


@pytest.mark.parametrize("how", ["EOF", "SIGTERM", "SIGINT"])
def test_every_end_is_clean_and_keeps_what_was_acknowledged(how: str, data_dir: Path) -> None:
    with Server(data_dir) as server:
        server.initialize()
        ids = {record(server, task_description=f"task {number}") for number in range(30)}
        status, stderr = end(server, how)
    assert status == 0
    assert "Traceback" not in stderr
    assert stored(data_dir) == ids


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_server_cleanly_before_it_can_answer(
    how: str, data_dir: Path, tmp_path: Path
) -> None:
    sdk = Blockade(tmp_path, "mcp")
    with Server(data_dir, PYTHONPATH=str(sdk.path)) as server:
        sdk.wait_until_hit()
        status, stderr = end(server, how)
        sdk.lift()
    assert (status, stderr) == (0, "")


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT"])
def test_a_signal_that_the_main_thread_does_not_notice_ends_a_server(
    how: str, data_dir: Path, tmp_path: Path
) -> None:
    sdk = Blockade(tmp_path, "mcp")
    package = sdk.path / "mcp" / "__init__.py"
    # As for one that arrives between a look for signals and a read: other threads receive it.
    unresponsive = (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})\n"
    )
    package.write_text(unresponsive + package.read_text())
    with Server(data_dir, PYTHONPATH=str(sdk.path)) as server:
        sdk.wait_until_hit()
        status, stderr = end(server, how)
        sdk.lift()
    assert (status, stderr) == (0, "")


@pytest.mark.parametrize("how", ["EOF", "SIGTERM", "SIGINT"])
def test_a_server_that_was_asked_nothing_ends_cleanly(how: str, data_dir: Path) -> None:
    with Server(data_dir) as server:
        server.initialize()
        assert end(server, how)[0] == 0


def test_a_leaving_client_ends_the_build_of_an_index(data_dir: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "hold"
    os.mkfifo(pipe)
    held = tmp_path / "held"
    held.mkdir()
    (held / "sitecustomize.py").write_text(
        "import sys\n"
        f"if 'mcp_learning.search.hnsw_build' in sys.orig_argv: open({str(pipe)!r}).read()\n"
    )
    with Server(data_dir, PYTHONPATH=str(held)) as server:
        server.initialize()
        record(server)
        server.send(
            {
                "jsonrpc": "2.0",
                "id": "build",
                "method": "tools/call",
                "params": {"name": "rebuild_index", "arguments": {}},
            }
        )
        writer = os.open(pipe, os.O_WRONLY)  # the child runs
        children = psutil.Process(server.process.pid).children(recursive=True)
        assert len(children) == 1
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=30) == 0
        os.close(writer)
        _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []


def test_a_kill_right_after_an_acknowledgement_loses_nothing(data_dir: Path) -> None:
    ids: set[str] = set()
    for burst in (1, 25, 2):
        with Server(data_dir) as server:
            server.initialize()
            ids |= {record(server) for _ in range(burst)}
            server.process.kill()
            server.process.wait(timeout=30)
        assert stored(data_dir) == ids


def test_stdout_carries_json_rpc_only(data_dir: Path) -> None:
    with Server(data_dir, MCP_LEARNING_LOG_LEVEL="DEBUG") as server:
        server.initialize()
        record(server)
        server.call("find_similar_tasks", task_description="login")
        server.call("rebuild_index")
        server.call("find_similar_tasks", limit=0)
        stdout, stderr = server.process.communicate(timeout=30)
    assert server.process.returncode == 0
    assert stdout == b""  # whatever came before was parsed as JSON by the helper
    assert stderr


def test_messages_sent_before_any_answer_are_all_answered(data_dir: Path) -> None:
    with Server(data_dir) as server:
        calls = [
            {"method": "tools/call", "params": {"name": "record_execution", "arguments": TASK}}
            for _ in range(20)
        ]
        messages = [{"method": "initialize", "params": INITIALIZE}, *calls]
        for number, message in enumerate(messages):
            server.send({"jsonrpc": "2.0", "id": number, **message})
        answers = [server.receive() for _ in messages]
        assert end(server, "EOF")[0] == 0
    assert {answer["id"] for answer in answers} == set(range(21))
    ids = {a["result"]["structuredContent"]["task_id"] for a in answers if a["id"]}
    assert stored(data_dir) == ids


def test_records_in_flight_when_the_client_leaves_are_whole(data_dir: Path) -> None:
    with Server(data_dir) as server:
        server.initialize()
        record(server)
        for number in range(50):
            call = {"name": "record_execution", "arguments": TASK}
            server.send(
                {"jsonrpc": "2.0", "id": f"c{number}", "method": "tools/call", "params": call}
            )
        acknowledged: set[str] = set()
        reader = threading.Thread(target=read_all, args=(server, acknowledged))
        assert server.process.stdin is not None
        server.process.stdin.close()
        server.process.stdin = None
        reader.start()
        assert server.process.wait(timeout=30) == 0
        reader.join(30)
        assert not reader.is_alive()
    assert acknowledged <= stored(data_dir)


def test_a_client_that_reads_no_answer_and_leaves_ends_the_server(data_dir: Path) -> None:
    with Server(data_dir) as server:
        server.initialize()
        task_id = record(server, solution_summary="word " * 1_500)
        call = {"name": "get_execution", "arguments": {"task_id": task_id}}
        for _ in range(2 * MAX_UNWRITTEN // 15_000):  # an answer has the text twice
            server.send_request("tools/call", call)
        assert server.process.stdin is not None
        server.process.stdin.close()
        server.process.stdin = None
        assert server.process.wait(timeout=30) == 0


def read_all(server: Server, ids: set[str]) -> None:
    assert server.process.stdout is not None
    for line in server.process.stdout:
        content = json.loads(line).get("result", {}).get("structuredContent")
        ids |= {content["task_id"]} if content else set()  # others were cut off, and say so
