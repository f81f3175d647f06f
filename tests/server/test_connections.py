"""What strangers may do to a server, before anybody asks who they are."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from mcp_learning.server.connections import BoundedServer, Bounds, connection_limit
from mcp_learning.server.http import Place, listen

HALF = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-A: "
WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = 32 * 2**20


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers at once, /large at length; /body ends its answer when it has read the request's."""
    if scope["type"] != "http":
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})
        return
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    if scope["path"] == "/body":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.body", "body": b""})


@contextmanager
def serving(**bounds: Any) -> Iterator[int]:
    """The port of a server with these bounds, on a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = BoundedServer(application, 1, Bounds(**bounds))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def connect(port: int, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(sent)
    return connection


def answer(connection: socket.socket) -> bytes:
    """All that arrives until the server closes; nothing of a connection that it has reset."""
    received = b""
    try:
        while part := connection.recv(2**16):
            received += part
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET",
        HALF,
        WHOLE + HALF,
        WHOLE,
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
    ],
    ids=["nothing", "a word", "half a head", "half a second head", "nothing more", "half a body"],
)
def test_a_connection_without_a_request_is_closed(sent: bytes) -> None:
    with serving(head_seconds=0.2) as port, connect(port, sent) as connection:
        assert (b"200 OK" in answer(connection)) == (b"\r\n\r\n" in sent)


def test_a_client_that_keeps_sending_parts_of_a_head_is_closed_as_well() -> None:
    with serving(head_seconds=0.2) as port, connect(port, HALF) as connection:
        sent = 0
        try:
            while sent < LARGE:
                sent += connection.send(b"x")
        except ConnectionError:
            sent = 0
        assert sent == 0


def test_an_answer_that_is_not_read_is_given_up() -> None:
    with serving(stalled_seconds=0.2, head_seconds=60) as port:
        with connect(port, b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n") as connection:
            connection.recv(1)
            others = [connect(port, WHOLE) for _ in range(3)]
            assert all(b"200 OK" in one.recv(2**16) for one in others)
            assert len(answer(connection)) < LARGE
        for one in others:
            one.close()


def test_whoever_sends_a_request_at_once_is_served_however_many_send_half_of_one() -> None:
    with serving(limit=8, head_seconds=60) as port:
        halves = [connect(port, HALF) for _ in range(40)]
        for _ in range(10):
            with connect(port, WHOLE) as connection:
                assert b"200 OK" in connection.recv(2**16)
        closed = [one for one in halves if answer_ended(one)]
        assert len(closed) >= 32
        for one in halves:
            one.close()


def answer_ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_a_connection_too_many_is_closed_when_all_others_have_a_request_in_work() -> None:
    body = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nx"
    with serving(limit=4, head_seconds=60) as port:
        working = [connect(port, body) for _ in range(4)]
        assert all(b"200 OK" in one.recv(2**16) for one in working)
        with connect(port) as connection:
            assert answer(connection) == b""
        for one in working:
            one.sendall(b"x")
            assert one.recv(2**16)
            one.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        WHOLE * 3 + b"nonsense\r\n\r\n",
        b"GET /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 2**17 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_is_closed_without_a_traceback(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), serving(head_seconds=0.2) as port:
        with connect(port, sent) as connection:
            answer(connection)
        with connect(port, WHOLE) as connection:
            assert b"200 OK" in connection.recv(2**16)
    assert not any(record.exc_info for record in caplog.records), caplog.text
    assert not any(record.levelno > logging.WARNING for record in caplog.records), caplog.text


@pytest.mark.anyio
async def test_an_answer_does_not_wait_for_the_client_to_acknowledge_its_head() -> None:
    """Nagle's algorithm would make each call 40 ms slower."""
    options: asyncio.Queue[int] = asyncio.Queue()

    class Connected(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted = transport.get_extra_info("socket")
            options.put_nowait(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    listener = listen(Place("127.0.0.1", 0), "--http")
    server = await asyncio.get_running_loop().create_server(Connected, sock=listener)
    async with server, await anyio.connect_tcp(*listener.getsockname()):
        assert await options.get() != 0


def test_connections_take_a_share_of_the_descriptors() -> None:
    resource = pytest.importorskip("resource")
    assert 8 <= connection_limit() <= max(8, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
