"""Frames over a byte stream: the length in four bytes, big-endian, then that much JSON."""

import math
from collections.abc import AsyncIterator

import anyio
from anyio.abc import ByteStream

from mcp_learning.cluster.frames import Frame, decode, encode
from mcp_learning.errors import LearningError

MAX_FRAME = 32 * 2**20
"""Bytes of the longest frame; fifty matches with the longest texts take a tenth of it."""

_LENGTH = 4
_ENDED = (anyio.ClosedResourceError, anyio.BrokenResourceError, OSError)


class Disconnected(Exception):
    """Raised when the connection has ended, or when it carries bytes that are no frames."""


class Channel:
    """One end of a connection.

    `send` queues frames and `write` writes them, so that a caller who is cancelled never leaves
    half a frame on the connection.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._received = bytearray()
        self._queue, self._queued = anyio.create_memory_object_stream[bytes](math.inf)

    def send(self, frame: Frame) -> None:
        """Queues a frame.

        Raises:
            Disconnected: The connection has ended.
            LearningError: The frame is longer than `MAX_FRAME`.
        """
        try:
            self._queue.send_nowait(_packed(frame))
        except _ENDED as error:
            raise Disconnected from error

    async def write(self) -> None:
        """Writes what is queued, until the connection ends or this is cancelled."""
        try:
            async for data in self._queued:
                await self._stream.send(data)
        except _ENDED:
            return  # `receive` reports it

    async def send_now(self, frame: Frame) -> None:
        """Writes a frame at once; only while `write` isn't running.

        Raises:
            Disconnected: The connection has ended.
        """
        try:
            await self._stream.send(_packed(frame))
        except _ENDED as error:
            raise Disconnected from error

    async def receive(self) -> Frame:
        """The next frame.

        Raises:
            Disconnected: The connection has ended, or the bytes are not a frame.
        """
        try:
            length = int.from_bytes(await self._exactly(_LENGTH))
            if length > MAX_FRAME:
                raise ValueError(f"a frame of {length} bytes")
            return decode(await self._exactly(length))
        except (anyio.EndOfStream, *_ENDED, ValueError) as error:
            raise Disconnected from error

    async def _exactly(self, count: int) -> bytes:
        # Reading all there is lets frames that came together be handled together.
        while len(self._received) < count:
            self._received += await self._stream.receive()
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    async def frames(self) -> AsyncIterator[Frame]:
        """Yields frames until the connection ends."""
        while True:
            try:
                frame = await self.receive()
            except Disconnected:
                return
            yield frame

    async def close(self) -> None:
        """Ends the connection at once; what is queued is dropped."""
        self._queue.close()
        self._queued.close()
        await anyio.aclose_forcefully(self._stream)


def _packed(frame: Frame) -> bytes:
    data = encode(frame)
    if len(data) > MAX_FRAME:
        raise LearningError(
            f"this takes {len(data):,} bytes, but messages between processes have at most "
            f"{MAX_FRAME:,}; request less at a time"
        )
    return len(data).to_bytes(_LENGTH) + data
