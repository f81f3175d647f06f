"""Limits the number of connections from unauthenticated clients, and how long each may take.

uvicorn waits for the head of a request without a timeout, and accepts connections as long as there
are file descriptors, even those that the database needs. These limits apply before a token is
checked.
"""

import asyncio
import logging
import os
import socket
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from mcp_learning.server.signals import leave_to_handlers

logger = logging.getLogger(__name__)

HEAD_SECONDS = 10.0
"""How long a connection may have no request in progress: until the head of the first one has
arrived, and after each answer."""

STALLED_SECONDS = 30.0
"""How long a client may leave an answer unread."""

ACCEPTED_AT_ONCE = 32
"""Connections that are accepted before the event loop can close any of them."""

QUEUED = 512
"""Connections that wait in the kernel to be accepted."""

MOST_CONNECTIONS = 512
"""Upper limit of `connection_limit`."""


def connection_limit() -> int:
    """The number of simultaneous connections: a share of this process's descriptors."""
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
    """Limits on the connections of one server.

    Attributes:
        limit: Most simultaneous connections.
        head_seconds: How long a connection may have no request in progress.
        stalled_seconds: How long a client may leave an answer unread.
        idle: Connections without a request in progress, longest idle first.
    """

    limit: int = field(default_factory=connection_limit)
    head_seconds: float = HEAD_SECONDS
    stalled_seconds: float = STALLED_SECONDS
    idle: "dict[BoundedProtocol, asyncio.TimerHandle]" = field(default_factory=dict)


class BoundedProtocol(H11Protocol):
    """uvicorn's HTTP protocol with limits.

    When there are too many connections, the longest idle one is closed. So a client that sends its
    request at once is served, however many others send incomplete ones. If all others have a
    request in progress, the new connection is closed.
    """

    def __init__(self, bounds: Bounds, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._bounds = bounds
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Closes a connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.limit:
            next(iter(self._bounds.idle), self).abort()
        if not transport.is_closing():
            self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels all timeouts."""
        self._end_wait()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads data; the head of a request ends the timeout."""
        try:
            super().data_received(data)
        except Exception as error:  # noqa: BLE001 - e.g. for a Content-Length of 5,000 digits
            logger.warning("a request could not be read: %s", type(error).__name__)
            self.abort()
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_wait()

    def send_400_response(self, msg: str) -> None:
        """Answers an invalid request; if one is in progress already, only closes."""
        if self.cycle is None or self.cycle.response_complete:
            super().send_400_response(msg)
            return
        self.cycle.disconnected = True  # so that the application doesn't answer, too
        self.cycle.message_event.set()
        self.abort()

    def on_response_complete(self) -> None:
        """Starts the timeout for the next request."""
        if not self.transport.is_closing():
            self._wait_for_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Starts the timeout for reading the answer."""
        super().pause_writing()
        seconds = self._bounds.stalled_seconds
        self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancels the timeout, since the client has read."""
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
    """A uvicorn server with limits on connections.

    At shutdown, requests in progress may take `grace_seconds`.
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

    def serve_until_signal(self, listener: socket.socket) -> NoReturn:
        """Serves on a listening socket; a signal then ends the process."""
        leave_to_handlers()
        try:
            self.run(sockets=[listener])  # re-raises the signal at the end, for status 0
        except Exception:
            logger.exception("the server failed")
        sys.stderr.flush()
        os._exit(0 if self.started else 1)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, with a longer queue in the kernel than the number accepted at once."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUED)
