"""Runs the learning service in the background of a server, and closes it within a time limit."""

import logging
import sys
from typing import TYPE_CHECKING

import anyio

from mcp_learning.cluster.member import ClusterMember

if TYPE_CHECKING:
    from mcp_learning.service.learning import LearningService

logger = logging.getLogger(__name__)

SWITCH_INTERVAL = 0.0005
"""Python's thread switch interval in seconds (default 0.005), set after the first answer. Importing
the model is one long computation: with the default, each of a call's five thread switches waits
5 ms. Before the first answer only imports compete, for which the default is faster."""

QUIET_SECONDS = 0.2
"""Time without a message after which the model is loaded; a search loads it sooner."""

MAX_DELAY_SECONDS = 2.0
"""Time after the first message when the model is loaded even if messages keep coming."""

RETRY_SECONDS = 60.0
"""Time after which failed background work is restarted."""

CHECKPOINT_SECONDS = 0.6
"""Longest wait for the closing checkpoint; without it, the next start replays the log."""

CLOSE_SECONDS = 0.8
"""Longest time that closing may take; acknowledged writes are committed already."""


class ServiceRunner:
    """Runs the cluster member of one server process.

    A leader's model is loaded once the client's first messages are answered, since its import
    competes with the answers for the interpreter. Only this object runs and closes the member.
    """

    def __init__(self, member: ClusterMember) -> None:
        self.learning = member.learning
        self._member = member
        self._answered = anyio.Event()

    def note_answer(self) -> None:
        """Tells the runner that a message of the client was answered."""
        self._answered.set()

    async def run(self) -> None:
        """Leads or follows until cancelled."""
        await self._member.run(self._run_service)

    async def _run_service(self, service: "LearningService") -> None:
        await self._answered.wait()
        sys.setswitchinterval(SWITCH_INTERVAL)
        with anyio.move_on_after(MAX_DELAY_SECONDS):
            while self._answered.is_set():
                self._answered = anyio.Event()
                with anyio.move_on_after(QUIET_SECONDS):
                    await self._answered.wait()
        while True:
            try:
                return await service.run()
            except Exception:  # e.g. a library that can't allocate memory; calls are still answered
                logger.exception("background work failed; it goes on in %.0f s", RETRY_SECONDS)
            await anyio.sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Closes the service; gives up after `CLOSE_SECONDS`, which loses nothing."""
        with anyio.move_on_after(CLOSE_SECONDS, shield=True) as scope:
            await self._member.close(CHECKPOINT_SECONDS)
        if scope.cancelled_caught:
            logger.warning("closing took too long; the write-ahead log will be replayed")
