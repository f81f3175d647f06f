"""Connections of strangers: how many there are, and how long each may take.

uvicorn waits without end for the head of a request, and accepts connections as long as there are
descriptors, also those that the database needs. Nothing here knows who is connected: it is what
holds before a token is looked at.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""How long a connection may go without a request in work: until its head has arrived, in parts or
not at all, and after an answer."""

STALLED_SECONDS = 30.0
"""How long a client may leave an answer unread."""

ACCEPTED_AT_ONCE = 32
"""Connections that are accepted before the event loop can close any of them."""

QUEUED = 512
"""Connections that wait in the kernel to be accepted."""

MOST_CONNECTIONS = 512
"""However many descriptors there are."""


def connection_limit() -> int:
    """How many connections to have at once: a share of the descriptors of this process."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return MOST_CONNECTIONS
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if descriptors == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, descriptors // 4))


@dataclass
class Bounds:
    """Bounds on the connections of one server.

    Attributes:
        limit: Connections at once.
        head_seconds: How long one may go without a request in work.
        stalled_seconds: How long a client may leave an answer unread.
        idle: Connections without a request in work; the one that has waited longest first.
    """

    limit: int = field(default_factory=connection_limit)
    head_seconds: float = HEAD_SECONDS
    stalled_seconds: float = STALLED_SECONDS
    idle: "dict[BoundedProtocol, asyncio.TimerHandle]" = field(default_factory=dict)


class BoundedProtocol(H11Protocol):
    """A connection of uvicorn's, within bounds.

    When there are too many, the one that has waited longest for a request of its client is closed;
    so a client that sends its request at once is served, however many others send half of one. The
    new one is closed if a request is in work on all others.
    """

    def __init__(self, bounds: Bounds, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._bounds = bounds
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Closes one connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.limit:
            next(iter(self._bounds.idle), self).abort()
        if not transport.is_closing():
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends all waits."""
        self._end_wait()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on; the wait ends with the head of a request."""
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - such as a length of 5,000 digits
            logger.warning("a request could not be read: %s", type(error).__name__)
            self.abort()
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_wait()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no request; within a request, which has an answer, just closes."""
        if self.cycle is None or self.cycle.response_complete:
            super().send_400_response(msg)
            return
        self.cycle.disconnected = True  # before its application runs and answers
        self.cycle.message_event.set()
        self.abort()

    def on_response_complete(self) -> None:
        """Waits for the next request."""
        if not self.transport.is_closing():
            self._wait_for_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Gives the client time to read."""
        super().pause_writing()
        seconds = self._bounds.stalled_seconds
        self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read on."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def abort(self) -> None:
        """Closes the connection at once."""
        self._end_wait()
        self.transport.abort()

    def _wait_for_request(self) -> None:
        self._end_wait()
        seconds = self._bounds.head_seconds
        self._bounds.idle[self] = self.loop.call_later(seconds, self.transport.abort)

    def _end_wait(self) -> None:
        if (timer := self._bounds.idle.pop(self, None)) is not None:
            timer.cancel()


class BoundedServer(uvicorn.Server):
    """A server that strangers can reach.

    Args:
        application: What it serves.
        grace_seconds: How long requests in work may take at the end.
        bounds: On its connections; None: the usual ones.
    """

    def __init__(
        self, application: ASGIApp, grace_seconds: int, bounds: Bounds | None = None
    ) -> None:
        config = uvicorn.Config(
            application,
            backlog=ACCEPTED_AT_ONCE,
            log_config=None,
            access_log=False,
            lifespan="on",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=grace_seconds,
        )
        config.http = partial(BoundedProtocol, bounds or Bounds())  # type: ignore[assignment]
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts; more may queue in the kernel than are accepted at once."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUED)
