"""A slow way to a server, which may break: what passes is delayed at random, or stays underway."""

import asyncio
import random
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
from team.server import PostgresServer

_SOCKET = ".s.PGSQL.5432"
_PART = 65_536


class Link:
    """Listens on a socket in a directory of its own, and passes on what comes.

    Args:
        server: Where it leads.
        directory: An empty one, whose name is short enough for a socket.
        seed: Of the delays.
        delay: Seconds that a part of an answer or a question takes at most.
        most: Bytes of answers that come through; then the way is broken.

    Attributes:
        broken: Set once the way is.
    """

    def __init__(
        self,
        server: PostgresServer,
        directory: Path,
        *,
        seed: int = 0,
        delay: float = 0.0,
        most: float = float("inf"),
    ) -> None:
        self._target = server.directory / _SOCKET
        self._directory = directory
        self._random = random.Random(seed)
        self._delay = delay
        self._left = most
        self._open: set[asyncio.Task[Any]] = set()
        self.broken = anyio.Event()

    def url(self, database: str, role: str) -> str:
        """The address of a database for a role."""
        return f"postgresql://{role}@/{database}?host={self._directory}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Link"]:
        """The way is open during this context."""
        path = self._directory / _SOCKET
        listener = await asyncio.start_unix_server(self._connected, path)
        try:
            yield self
        finally:
            listener.close()
            for one in self._open:
                one.cancel()

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        with suppress(OSError, asyncio.CancelledError):
            source, target = await asyncio.open_unix_connection(self._target)
            try:
                questions = asyncio.create_task(self._pass(reader, target))
                await self._pass(source, writer, counted=True)
                questions.cancel()
            finally:
                target.close()
        writer.close()
        self._open.discard(task)

    async def _pass(
        self, source: StreamReader, target: StreamWriter, *, counted: bool = False
    ) -> None:
        with suppress(OSError):
            while data := await source.read(_PART):
                await anyio.sleep(self._random.uniform(0, self._delay))
                self._left -= len(data) if counted else 0
                if self._left < 0:
                    self.broken.set()
                    await anyio.sleep_forever()
                target.write(data)
                await target.drain()
        target.close()
