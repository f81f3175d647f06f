"""What becomes of recalled executions: returned, used, and to what end.

Which answer a client acts on is unknown, since neither a session nor a task goes with a search. So
an answer only counts, and a link is made when a record names what it used. Counts are kept in
memory and written some time after the answer, which they don't delay; a crash loses the last ones.
"""

import logging
from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from uuid import UUID

import anyio

from mcp_learning.errors import StoreError
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Vote

logger = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds for which counts are collected before they are written."""


class Recalls:
    """Counts of one store, and the votes as last read from it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._returned: Counter[UUID] = Counter()
        self._saving: Counter[UUID] = Counter()
        self._news = anyio.Event()
        self._votes: dict[UUID, Vote] = {}
        self._votes_revision: Hashable = None  # that the votes were read at

    def returned(self, task_ids: Iterable[UUID]) -> None:
        """Counts executions as returned by an answer."""
        self._returned.update(task_ids)
        if self._returned:
            self._news.set()

    async def run(self) -> None:
        """Writes counts from time to time, until cancelled."""
        while True:
            await self._news.wait()
            await anyio.sleep(PAUSE)
            await self.save()

    async def save(self) -> None:
        """Writes what was counted. If that fails, they are written with the next ones."""
        self._news = anyio.Event()
        counted, self._returned = self._returned, Counter()
        if not counted:
            return
        self._saving = counted
        try:
            await self._store.add_recalls(counted, datetime.now(UTC))
        except StoreError as error:
            self._returned.update(counted)  # no news: not tried again before there are more
            logger.warning("what was returned is not counted yet: %s", error)
        finally:
            self._saving = Counter()

    def unsaved(self, task_id: UUID) -> int:
        """How often an execution was part of an answer since counts were last written."""
        return self._returned[task_id] + self._saving[task_id]

    async def votes(self) -> dict[UUID, Vote]:
        """What speaks for and against executions; read again when something was committed.

        Raises:
            StoreError: The store can't be read.
        """
        revision = self._store.revision  # before reading: what is committed meanwhile is read again
        if revision != self._votes_revision:
            self._votes, self._votes_revision = await self._store.votes(), revision
        return self._votes
