"""The service's life inside a server: run in the background, closed in time."""

import logging
from typing import TYPE_CHECKING

import anyio

from mcp_learning.cluster.member import SharedService

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService

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
    """Holds the learning service of one server process, which leads or follows.

    A leader's model is loaded once the client's first messages are answered, since its import
    competes with the answers for the interpreter.
    """

    def __init__(self, shared: SharedService) -> None:
        self._shared = shared
        self._answered = anyio.Event()

    async def service(self) -> SharedService:
        """The service."""
        return self._shared

    def heard(self) -> None:
        """Notes that a message of the client was answered."""
        self._answered.set()

    async def run(self) -> None:
        """Leads or follows until cancelled."""
        await self._shared.run(self._keep_up)

    async def _keep_up(self, service: "LearningService") -> None:
        await self._answered.wait()
        with anyio.move_on_after(LONGEST_WAIT):
            while self._answered.is_set():
                self._answered = anyio.Event()
                with anyio.move_on_after(QUIET):
                    await self._answered.wait()
        await service.run()

    async def close(self) -> None:
        """Closes the service; gives up after `CLOSE_SECONDS`, which loses nothing."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True) as scope:
            await self._shared.close(CHECKPOINT_SECONDS)
        if scope.cancelled_caught:
            logger.warning("closing took too long; the write-ahead log will be replayed")
