"""The stdio transport: one thread reads lines, one writes them, and every request is answered.

The SDK's own transport hands each line to a worker thread to read it, and each answer to two more
to write and flush it; a thread for each direction needs no such hand-over. It also drops lines that
it can't parse, and cancels what it is working on when its input ends, although a client may just
have closed its end after the last request: here such lines are answered (`json_rpc`), and the end
is passed on once all is answered.

While serving, file descriptor 0 is the null device and 1 is stderr, so that nothing that a library
prints reaches the client.
"""

import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from queue import SimpleQueue
from typing import IO

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import (
    INTERNAL_ERROR,
    ErrorData,
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from mcp_learning.server.json_rpc import CANCELLED, Refusal, parse

logger = logging.getLogger(__name__)

LAST_ANSWERS = 0.5
"""Seconds in which requests are still answered after the client has closed its end."""

MAX_UNWRITTEN = 4 * 2**20
"""Bytes of answers that wait for the client to read them before the server waits, too."""

LONGEST_LINE = 16 * 2**20
"""Bytes of a message that are read; the longest record_execution takes 0.6 MiB."""

QUEUED_REQUESTS = 64
"""Messages that wait for the server before reading waits."""

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


@asynccontextmanager
async def lenient_stdio() -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Streams for a server: requests of the client on stdin, and answers for its stdout.

    The first one ends when the client has left and was answered.
    """
    source, sink = _claim(0, os.devnull, os.O_RDONLY), _claim(1)
    writer = _Writer(sink)
    to_server, requests = anyio.create_memory_object_stream[SessionMessage | Exception](
        QUEUED_REQUESTS
    )
    answers, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    connection = _Connection(writer, to_server)
    token = anyio.lowlevel.current_token()
    threading.Thread(
        target=_read, args=(source, connection, token), name="stdin", daemon=True
    ).start()
    async with anyio.create_task_group() as group:
        group.start_soon(connection.answer, from_server)
        try:
            yield requests, answers
        finally:
            answers.close()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(writer.close)
            group.cancel_scope.cancel()


class _Connection:
    """Which requests are unanswered; passes messages in and answers out, on the event loop."""

    def __init__(
        self, writer: "_Writer", to_server: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        self._writer = writer
        self._to_server = to_server
        self._unanswered: set[int | str | None] = set()
        self._answered = anyio.Event()

    def receive(self, line: str) -> SessionMessage | None:
        """Passes a line on as a message, or answers it with an error; returns what must wait."""
        message = parse(line)
        if message is None:
            return None
        if isinstance(message, Refusal):
            self._writer.put(message)
            return None
        self._expect(message)
        item = SessionMessage(message)
        try:
            self._to_server.send_nowait(item)
        except anyio.WouldBlock:
            return item
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # the server has ended
        return None

    async def wait(self, item: SessionMessage) -> None:
        """Passes a message on once the server has room for it."""
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._to_server.send(item)

    async def end(self) -> None:
        """Passes the end of the input on once everything is answered, or `LAST_ANSWERS` later."""
        with anyio.move_on_after(LAST_ANSWERS):
            while self._unanswered:
                self._answered = anyio.Event()
                await self._answered.wait()
        self._to_server.close()

    async def answer(self, from_server: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Writes what the server answers, until it has ended."""
        async with from_server:
            async for item in from_server:
                self._put(item.message)
                if self._writer.is_full:
                    await anyio.to_thread.run_sync(self._writer.wait_until_written)
                if isinstance(item.message, (JSONRPCResponse, JSONRPCError)):
                    self._unanswered.discard(item.message.id)
                    self._answered.set()

    def _put(self, message: JSONRPCMessage) -> None:
        try:
            self._writer.put(message)
        except ValueError:  # such as a half of a character, which no encoding has
            logger.exception("an answer can't be written as JSON")
            if isinstance(message, (JSONRPCResponse, JSONRPCError)):
                error = ErrorData(code=INTERNAL_ERROR, message="the answer can't be written")
                self._writer.put(JSONRPCError(jsonrpc="2.0", id=message.id, error=error))

    def _expect(self, message: JSONRPCMessage) -> None:
        if isinstance(message, JSONRPCRequest):
            self._unanswered.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == CANCELLED:
            self._unanswered.discard((message.params or {}).get("requestId"))


class _Writer:
    """Writes messages, one line each, on a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._unwritten = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="stdout", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether the client is behind with reading."""
        return self._unwritten > MAX_UNWRITTEN

    def put(self, message: JSONRPCMessage) -> None:
        """Queues a message; never blocks."""
        line = message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
        with self._changed:
            self._unwritten += len(line)
        self._queue.put(line)

    def wait_until_written(self) -> None:
        """Blocks until the client has read most of what is queued, or has left."""
        with self._changed:
            self._changed.wait_for(lambda: self._unwritten <= MAX_UNWRITTEN // 2)

    def close(self) -> None:
        """Blocks until everything is written, for `LAST_ANSWERS` at most."""
        self._queue.put(None)
        self._thread.join(LAST_ANSWERS)

    def _write(self) -> None:
        left = False
        while (line := self._queue.get()) is not None:
            try:
                if not left:
                    _write_all(self._descriptor, line)
            except OSError:  # the client has left: what is still answered is dropped
                left = True
            with self._changed:
                self._unwritten -= len(line)
                self._changed.notify_all()


def _read(source: int, connection: _Connection, token: anyio.lowlevel.EventLoopToken) -> None:
    """Hands every line to the event loop, one at a time, so that a flood fills no memory."""
    with suppress(anyio.RunFinishedError):  # the server has ended
        with suppress(OSError), os.fdopen(source, "rb", closefd=False) as file:
            for line in _lines(file):
                text = line.decode("utf-8", "replace")
                waiting = anyio.from_thread.run_sync(connection.receive, text, token=token)
                if waiting is not None:
                    anyio.from_thread.run(connection.wait, waiting, token=token)
        anyio.from_thread.run(connection.end, token=token)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines; of one that is too long, its beginning."""
    while line := file.readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _claim(descriptor: int, path: str | None = None, flags: int = 0) -> int:
    """Moves a standard stream out of the way, and puts a file, or stderr, in its place.

    Returns:
        A descriptor above the standard ones that only this process has.
    """
    moved = _above_standard(descriptor)
    other = os.dup(2) if path is None else os.open(path, flags)
    os.dup2(other, descriptor)
    os.close(other)
    if sys.platform == "win32":
        from mcp.os.win32.utilities import rebind_std_handle_to_fd

        with suppress(OSError):
            rebind_std_handle_to_fd(descriptor)
    return moved


def _above_standard(descriptor: int) -> int:
    duplicate = os.dup(descriptor)
    if duplicate > 2:
        return duplicate
    try:  # a standard stream was closed: leave its number unused
        return _above_standard(duplicate)
    finally:
        os.close(duplicate)
