"""A log that nobody fills or forges."""

import asyncio
import logging
import socket
import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import SocketStream

from mcp_learning.cli.log_records import OneLineFormatter, RepeatLimit, is_no_socket_race


def test_records_of_one_place_are_bounded_in_a_while_and_what_was_dropped_is_told() -> None:
    now = [0.0]
    limit = RepeatLimit(most=3, seconds=60, clock=lambda: now[0])
    written: list[str] = []

    def log(number: int, line: int = 7, level: int = logging.WARNING) -> None:
        record = logging.LogRecord("a", level, "a.py", line, "no. %d", (number,), None)
        if limit.filter(record):
            written.append(record.getMessage())

    for number in range(1_000):
        log(number)
    log(1, line=8)
    now[0] = 61
    log(2_000)
    log(2_001)
    assert written == [
        *("no. 0", "no. 1", "no. 2", "no. 1"),
        "no. 2000 (997 more like this were left out before)",
        "no. 2001",
    ]
    written.clear()
    for number in range(10):
        log(number, level=logging.DEBUG)
    assert len(written) == 10


def test_a_message_is_one_visible_line_and_a_traceback_follows_it() -> None:
    message = "of\n2026-01-01 ERROR root: \x1b[2Kforged\u202e"
    try:
        raise ValueError("with \u202e in it")
    except ValueError:
        record = logging.LogRecord("a", 30, "a.py", 7, "%s", (message,), sys.exc_info())
    first, *rest = OneLineFormatter().format(record).splitlines()
    assert first.endswith("WARNING a: of 2026-01-01 ERROR root: [2Kforged")
    assert rest[0].startswith("Traceback")
    assert rest[-1] == "ValueError: with  in it"


async def cancel_a_wait_for_data_that_arrives(path: Path) -> None:
    waiting = anyio.Event()

    async def receive(stream: SocketStream) -> None:
        waiting.set()
        await stream.receive()

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        async with await anyio.connect_unix(path) as stream:
            other, _ = listening.accept()
            with other:
                async with anyio.create_task_group() as group:
                    group.start_soon(receive, stream)
                    await waiting.wait()
                    await anyio.lowlevel.checkpoint()
                    other.send(b"x")
                    asyncio.get_running_loop().call_soon(group.cancel_scope.cancel)


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
def test_data_that_arrives_when_waiting_for_it_is_cancelled_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As when a server that was stopped gets a signal and an answer at the same time."""
    anyio.run(cancel_a_wait_for_data_that_arrives, tmp_path / "s")
    (record,) = caplog.records
    assert "InvalidStateError" in caplog.text, "anyio has mended it: the filter can go"
    assert not is_no_socket_race(record)
    record.exc_info = (ValueError, ValueError(), None)
    assert is_no_socket_race(record)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix sockets")
async def test_tests_pass_over_it_as_the_log_does(tmp_path: Path) -> None:
    await cancel_a_wait_for_data_that_arrives(tmp_path / "s")
