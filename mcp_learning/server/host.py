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

QUIET = 0.2
"""Seconds without a message after which the model is loaded; a search that needs it is sooner."""

LONGEST_WAIT = 2.0
"""Seconds after the first message from which the model is loaded even if the client is busy."""

CHECKPOINT_SECONDS = 0.6
"""Longest wait for the database's closing checkpoint, which the next start can do as well."""

CLOSE_SECONDS = 0.8
"""Longest time that closing may take. What was acknowledged is committed already."""


class Host:
    """Holds the learning service of one server process.

    The model is loaded once the client's first messages are answered, since its import competes
    with the answers for the interpreter.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._service: LearningService | None = None
        self._made = anyio.Event()
        self._answered = anyio.Event()

    async def service(self) -> "LearningService":
        """The service; waits for its import at most."""
        await self._made.wait()
        if self._service is None:
            raise RuntimeError("the service was not made")
        return self._service

    def heard(self) -> None:
        """Notes that a message of the client was answered."""
        self._answered.set()

    async def run(self) -> None:
        """Imports and makes the service, then keeps it running until cancelled."""
        module = await anyio.to_thread.run_sync(import_module, "mcp_learning.learn.service")
        self._service = module.LearningService(self._settings, self._database)
        self._made.set()
        await self._answered.wait()
        with anyio.move_on_after(LONGEST_WAIT):
            while self._answered.is_set():
                self._answered = anyio.Event()
                with anyio.move_on_after(QUIET):
                    await self._answered.wait()
        await self._service.run()

    async def close(self) -> None:
        """Closes the service; gives up after `CLOSE_SECONDS`, which loses nothing."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True) as scope:
            if self._service is not None:
                await self._service.close(CHECKPOINT_SECONDS)
            else:
                await self._database.close(CHECKPOINT_SECONDS)
        if scope.cancelled_caught:
            logger.warning("closing took too long; the write-ahead log will be replayed")
