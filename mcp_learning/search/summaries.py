"""A cache of the texts that searches show.

Reading the texts of five executions from the store takes longer than the rest of a search. An entry
is used only if its change number is that of the execution in the search.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from uuid import UUID

from mcp_learning.models.results import ExecutionSummary
from mcp_learning.store.types import Shown

LIMIT = 20_000
"""Executions in the cache."""

CHARACTERS = 20_000_000
"""Characters in the cache, which take up to 40 MB."""

SHORT = 2_000
"""Longest texts, in characters, that are cached at the start."""


class Summaries:
    """The executions that changed or were shown last. Safe to use from several threads.

    Args:
        limit: Most executions in the cache.
        characters: Most characters in the cache.
    """

    def __init__(self, limit: int = LIMIT, characters: int = CHARACTERS) -> None:
        self._limit = limit
        self._most_characters = characters
        self._kept: OrderedDict[UUID, Shown] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def __contains__(self, task_id: UUID) -> bool:
        return task_id in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, numbers: Mapping[UUID, int]) -> dict[UUID, ExecutionSummary]:
        """Cached summaries of executions, given with their current change numbers."""
        found: dict[UUID, ExecutionSummary] = {}
        with self._lock:
            for task_id, number in numbers.items():
                kept = self._kept.get(task_id)
                if kept is not None and kept.sequence == number:
                    self._kept.move_to_end(task_id)
                    found[task_id] = kept.summary
        return found

    def keep(self, fresh: Mapping[UUID, Shown]) -> None:
        """Adds executions; the last ones are evicted last."""
        with self._lock:
            for task_id, one in fresh.items():
                self._remove(task_id)
                self._kept[task_id] = one
                self._characters += _length(one)
            while len(self._kept) > self._limit or self._characters > self._most_characters:
                self._remove(next(iter(self._kept)))

    def drop(self, task_ids: Iterable[UUID]) -> None:
        """Removes executions."""
        with self._lock:
            for task_id in task_ids:
                self._remove(task_id)

    def _remove(self, task_id: UUID) -> None:
        if (old := self._kept.pop(task_id, None)) is not None:
            self._characters -= _length(old)


def _length(one: Shown) -> int:
    return sum(len(value) for _, value in one.summary if isinstance(value, str))
