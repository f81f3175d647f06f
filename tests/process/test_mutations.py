"""Whatever is sent over either transport, the server answers, tells nothing, and serves on.

In short with every test run; `--frames 10000` proves that memory stays level, too
(docs/runbooks/proofs.md).
"""

import itertools
import json
import random
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from process.mutations import PASSWORD, damaged, frames
from process.served import HttpServer, HttpSession
from process.wire import Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")

LEAKS = ("Traceback", 'File "', "site-packages", "mcp_learning/", "pydantic", "SELECT ", "INSERT ")
AT_A_TIME = 20
"""Messages between two looks at the server's memory."""
RAW = 10
"""Over HTTP, one request in so many has a damaged head, too."""
SETTLED = 1_000
"""Messages after which memory may grow by a tenth at most."""
LONGEST = 60_000
STATUSES = (200, 202, 400, 404)
TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}
WARMING = [
    {
        "name": "find_similar_tasks",
        "arguments": {"task_description": f"{number} " + "several words " * 1_400},
    }
    for number in range(8)
]
"""Calls that take as much memory for embedding as any: onnxruntime keeps it."""
HEAD = (
    b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n"
)
MALFORMED = (
    f'{{"jsonrpc": "2.0", "id": 7, "method": "{PASSWORD}',
    f'{{"jsonrpc": "2.0", "id": {{"password": "{PASSWORD}"}}, "method": "tools/list"}}',
    f'{{"jsonrpc": "2.0", "id": 7, "method": 5, "params": "{PASSWORD}"}}',
    f'{{"jsonrpc": "{PASSWORD}", "id": 7, "method": "tools/list"}}',
    f'["{PASSWORD}"]',
    "\xff\xfe\x00",
    "",
)


class Memory:
    """Resident memory of a server: at `SETTLED` messages, and at the end."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self.settled = self.last = 0

    def note(self, done: int) -> None:
        """Called after `done` messages."""
        if not self._status.exists():
            return
        line = next(one for one in self._status.read_text().splitlines() if "VmRSS" in one)
        self.last = int(line.split()[1])
        if done <= SETTLED:
            self.settled = self.last

    def assert_level(self, transport: str, count: int) -> None:
        """Memory at the end is that after the first `SETTLED` messages, within a tenth."""
        sys.stdout.write(
            f"\n{transport}: {count:,} messages; memory after {SETTLED:,}: {self.settled:,} kB, "
            f"in the end: {self.last:,} kB\n"
        )
        if count >= 2 * SETTLED:
            assert self.last <= 1.1 * self.settled


def assert_nothing_told(answer: str, frame: bytes, data_dir: Path) -> None:
    told = (*LEAKS, PASSWORD, str(data_dir))
    assert not any(leak in answer for leak in told), (frame, answer)
    assert len(answer) < LONGEST, frame


def assert_ended_well(status: int, log: str) -> None:
    assert status == 0, log[-2_000:]
    assert "Traceback" not in log, log[-4_000:]
    assert PASSWORD not in log
    assert len(log.splitlines()) < 1_000


def batches(messages: Iterable[bytes]) -> Iterator[list[bytes]]:
    remaining = iter(messages)
    while batch := list(itertools.islice(remaining, AT_A_TIME)):
        yield batch


def test_mutated_messages_over_stdio(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    count, seed = pytestconfig.getoption("frames"), pytestconfig.getoption("seed")
    log = tmp_path / "stderr"
    shell = ["/bin/sh", "-c", f"exec {sys.executable} -m mcp_learning 2>{log}"]
    data_dir = tmp_path / "data"
    with Server(data_dir, wrapper=shell, MCP_LEARNING_DATA_DIR=str(data_dir)) as server:
        server.initialize()
        server.content("record_execution", **TASK)
        asked = [server.send_request("tools/call", call) for call in WARMING]
        assert {server.receive()["id"] for _ in asked} == set(asked)
        memory = Memory(server.process.pid)
        done = 0
        for batch in batches(frames(seed, count)):
            for frame in batch:
                server.send(frame)
            synced = f"sync-{done}"
            server.send({"id": synced, "method": "ping", "params": {}})
            while (answer := server.receive())["id"] != synced:
                assert_nothing_told(json.dumps(answer), b" | ".join(batch), data_dir)
            done += len(batch)
            memory.note(done)
        assert server.content("record_execution", **TASK)["task_id"]
        status, _ = server.leave()
    assert_ended_well(status, log.read_text())
    with capsys.disabled():
        memory.assert_level("stdio", count)


def test_mutated_messages_over_http(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    count, seed = pytestconfig.getoption("frames"), pytestconfig.getoption("seed")
    chance = random.Random(seed)
    data_dir = tmp_path / "data"
    with HttpServer(data_dir) as server, HttpSession(server.port) as client:
        assert server.process.stderr is not None
        lines: list[str] = []
        reader = threading.Thread(target=lines.extend, args=(server.process.stderr,))
        reader.start()
        for call in ({"name": "record_execution", "arguments": TASK}, *WARMING):
            assert client.request("tools/call", **call)[0] == 200
        memory = Memory(server.process.pid)
        for done, frame in enumerate(frames(seed, count), 1):
            if done % RAW == 0:
                answer = client.raw(damaged(chance, HEAD % len(frame)) + frame)
            else:
                status, answer = client.post(frame)
                assert status in STATUSES, (status, frame, answer)
            assert_nothing_told(answer, frame, data_dir)
            if done % AT_A_TIME == 0:
                memory.note(done)
        assert client.request("ping")[0] == 200
        server.process.terminate()
        status = server.process.wait(timeout=30)
        reader.join()
    assert_ended_well(status, "".join(lines))
    with capsys.disabled():
        memory.assert_level("HTTP", count)


def test_messages_over_http_are_mended_and_refused_like_those_over_stdio(tmp_path: Path) -> None:
    texts: tuple[Any, ...] = (
        {"task_description": "\x1b[31mfix\ud800 the login"},
        json.dumps({"task_description": "\x1b[31mfix\ud800 the login"}),
    )
    with HttpServer(tmp_path / "data") as server, HttpSession(server.port) as client:
        for arguments in texts:
            call = {"name": "find_similar_tasks", "arguments": arguments}
            status, answer = client.request("tools/call", **call)
            assert (status, '"matches"' in answer, '"isError":true' in answer) == (200, True, False)
        for body in MALFORMED:
            status, answer = server.post(body.encode("latin-1"))
            assert status == 400
            message = json.loads(answer)["error"]["message"]
            assert message == "the message is not valid JSON-RPC 2.0", answer
        status, log = server.end()
    assert (status, PASSWORD in log) == (0, False)
