"""The service's life inside a server: imported aside, run in the background, closed in time."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import Database

if TYPE_CHECKING:
    from mcp_learning.learn.service import LearningService

logger = logging.getLogger(__name__)

FIRST_MESSAGE_GRACE = 0.25
"""Seconds after the first message in which a second one may come before the model is loaded."""

CLOSE_SECONDS = 0.8
"""Longest time that closing may take. What was acknowledged is committed already."""


class Host:
    """Holds the learning service of one server process.

    The model is loaded only after the client's first exchange, since its import competes with
    the answer for the interpreter.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._service: LearningService | None = None
        self._made = anyio.Event()
        self._messages = 0
        self._first = anyio.Event()
        self._second = anyio.Event()

    async def service(self) -> "LearningService":
        """The service; waits for its import at most."""
        await self._made.wait()
        if self._service is None:
            raise RuntimeError("the service was not made")
        return self._service

    def heard(self) -> None:
        """Notes that a message of the client was answered."""
        self._messages += 1
        (self._first if self._messages == 1 else self._second).set()

    async def run(self) -> None:
        """Imports and makes the service, then keeps it running until cancelled."""
        module = await anyio.to_thread.run_sync(import_module, "mcp_learning.learn.service")
        self._service = module.LearningService(self._settings, self._database)
        self._made.set()
        await self._first.wait()
        with anyio.move_on_after(FIRST_MESSAGE_GRACE):
            await self._second.wait()
        await self._service.run()

    async def close(self) -> None:
        """Closes the service; gives up after `CLOSE_SECONDS`, which loses nothing."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True) as scope:
            if self._service is not None:
                await self._service.close()
            else:
                await self._database.close()
        if scope.cancelled_caught:
            logger.warning("closing took too long; the write-ahead log will be replayed")
