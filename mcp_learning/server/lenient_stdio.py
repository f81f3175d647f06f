"""A stdio transport that answers every request, with one thread to read and one to write.

The SDK's own transport uses a worker thread to read each line, and two to write and flush each
answer; one thread per direction avoids these switches. It also drops lines that it can't parse, and
cancels requests in progress at the end of its input, although a client may have closed its end just
after the last request. Here such lines are answered (`json_rpc`), and the end is passed on once
everything is answered.

While serving, file descriptor 0 is the null device and 1 is stderr, so that output of libraries
doesn't reach the client.
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

from mcp_learning.server.json_rpc import CANCELLED, Refusal, messages, parse

logger = logging.getLogger(__name__)

LAST_ANSWERS = 5.0
"""Seconds during which requests are still answered after the client has closed its end: the first
search loads the model. Clients that don't wait for an answer end the process sooner."""

LAST_WRITES = 0.5
"""Seconds during which the client may still read what is written at the end."""

MAX_UNWRITTEN = 4 * 2**20
"""Most bytes of answers that the client hasn't read before the server waits for it."""

LONGEST_LINE = 16 * 2**20
"""Most bytes of a message; the longest record_execution takes 0.6 MiB."""

QUEUED_REQUESTS = 64
"""Most messages that wait for the server before reading pauses."""

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


@asynccontextmanager
async def lenient_stdio() -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Streams for a server: requests from stdin, and answers to stdout.

    The first one ends when the client has closed its end and every request is answered.
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
    """Passes messages in and answers out on the event loop, and tracks unanswered requests."""

    def __init__(
        self, writer: "_Writer", to_server: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        self._writer = writer
        self._to_server = to_server
        self._unanswered: set[int | str | None] = set()
        self._answered = anyio.Event()

    def receive(self, line: str) -> SessionMessage | None:
        """Passes a line on or answers it; returns the message if the server has no room for it."""
        if not line.strip():
            return None
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
        """Writes the server's answers until it ends."""
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
        except ValueError:  # e.g. a lone surrogate, which can't be encoded
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
    """Writes messages, one line each, on its own thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._unwritten = 0
        self._given_up = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._write, name="stdout", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether more than `MAX_UNWRITTEN` waits for the client."""
        return self._unwritten > MAX_UNWRITTEN

    def put(self, message: JSONRPCMessage) -> None:
        """Queues a message; never blocks."""
        line = message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
        with self._changed:
            self._unwritten += len(line)
        self._queue.put(line)

    def wait_until_written(self) -> None:
        """Blocks until the client has read most of the queued data, or has left, or until close."""
        with self._changed:
            self._changed.wait_for(lambda: self._given_up or self._unwritten <= MAX_UNWRITTEN // 2)

    def close(self) -> None:
        """Blocks until everything is written, at most for `LAST_WRITES`."""
        self._queue.put(None)
        self._thread.join(LAST_WRITES)
        with self._changed:  # a client that reads nothing keeps no thread waiting
            self._given_up = True
            self._changed.notify_all()

    def _write(self) -> None:
        left = False
        while (line := self._queue.get()) is not None:
            try:
                if not left:
                    _write_all(self._descriptor, line)
            except OSError:  # the client has left: further answers are dropped
                left = True
            with self._changed:
                self._unwritten -= len(line)
                self._changed.notify_all()


def _read(source: int, connection: _Connection, token: anyio.lowlevel.EventLoopToken) -> None:
    """Passes lines to the event loop one at a time, so that a flood doesn't fill the memory."""
    with suppress(anyio.RunFinishedError):  # the server has ended
        with suppress(OSError), os.fdopen(source, "rb", closefd=False) as file:
            for line in _lines(file):
                for text in messages(line.decode("utf-8", "replace")):
                    waiting = anyio.from_thread.run_sync(connection.receive, text, token=token)
                    if waiting is not None:
                        anyio.from_thread.run(connection.wait, waiting, token=token)
        anyio.from_thread.run(connection.end, token=token)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, the beginning."""
    while line := file.readline(LONGEST_LINE):
        yield line
        while len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _claim(descriptor: int, path: str | None = None, flags: int = 0) -> int:
    """Moves a standard stream to another descriptor, and puts a file, or stderr, in its place.

    Returns:
        The descriptor, above the standard ones, which child processes don't inherit.
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
    try:  # a standard stream was closed: don't use its number
        return _above_standard(duplicate)
    finally:
        os.close(duplicate)
