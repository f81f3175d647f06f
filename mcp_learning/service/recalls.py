"""Recalls: how often answers named an execution, and its votes from uses and feedback.

A search has no session or task, so it is unknown which answer a client acts on. An answer therefore
only adds to counts; a use is stored when a record names what it used. Counts are collected in
memory and written later, so that they don't delay the answer; a crash loses the last ones.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from mcp_learning.errors import StoreError
from mcp_learning.service.background import CurrentValue, WriteBehind
from mcp_learning.store.protocol import Store

logger = logging.getLogger(__name__)


class Recalls:
    """Counts of one store, written in the background by `run`, and the current `votes`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._returned: Counter[UUID] = Counter()
        self._saving: Counter[UUID] = Counter()
        self._later = WriteBehind(self.save)
        self.run = self._later.run
        self.votes = CurrentValue(store.votes, lambda: store.revision).get

    def returned(self, task_ids: Iterable[UUID]) -> None:
        """Adds one to the count of each execution that an answer named."""
        self._returned.update(task_ids)
        if self._returned:
            self._later.notice()

    async def save(self) -> None:
        """Writes the counts. Those of a failed write are written with the next ones."""
        counted, self._returned = self._returned, Counter()
        if not counted:
            return
        self._saving = counted
        try:
            await self._store.add_recalls(counted, datetime.now(UTC))
        except StoreError as error:
            self._returned.update(counted)  # without `notice`: tried again with the next recall
            logger.warning("recall counts were not written yet: %s", error)
        finally:
            self._saving = Counter()

    def unsaved(self, task_id: UUID) -> int:
        """How often answers named an execution since its count was last written."""
        return self._returned[task_id] + self._saving[task_id]
