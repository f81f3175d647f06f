"""A cache of the texts that searches show.

Reading the texts of five executions from the store takes longer than the rest of a search. Entries
are found by change number, so that one is used only as long as the execution hasn't changed.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from uuid import UUID

from mcp_learning.store.types import Shown

LIMIT = 20_000
"""Executions in the cache."""

CHARACTERS = 20_000_000
"""Characters in the cache, which take up to 40 MB."""

SHORT = 2_000
"""Longest texts, in characters, that are cached at the start."""


class Summaries:
    """The texts of the last changed or shown executions. Safe to use from several threads.

    Args:
        limit: Most executions in the cache.
        characters: Most characters in the cache.
    """

    def __init__(self, limit: int = LIMIT, characters: int = CHARACTERS) -> None:
        self._limit = limit
        self._most_characters = characters
        self._kept: OrderedDict[int, Shown] = OrderedDict()  # by change number
        self._numbers: dict[UUID, int] = {}
        self._characters = 0
        self._lock = threading.Lock()

    def __contains__(self, task_id: UUID) -> bool:
        return task_id in self._numbers

    def __len__(self) -> int:
        return len(self._kept)

    def known(self, numbers: Iterable[int]) -> dict[int, Shown]:
        """Cached summaries of the executions with these change numbers."""
        found: dict[int, Shown] = {}
        with self._lock:
            for number in numbers:
                if (kept := self._kept.get(number)) is not None:
                    self._kept.move_to_end(number)
                    found[number] = kept
        return found

    def keep(self, fresh: Iterable[Shown]) -> None:
        """Adds summaries; the last ones are evicted last."""
        with self._lock:
            for one in fresh:
                self._remove(one.task_id)
                self._kept[one.sequence] = one
                self._numbers[one.task_id] = one.sequence
                self._characters += _length(one)
            while len(self._kept) > self._limit or self._characters > self._most_characters:
                self._remove(next(iter(self._kept.values())).task_id)

    def drop(self, task_ids: Iterable[UUID]) -> None:
        """Removes executions."""
        with self._lock:
            for task_id in task_ids:
                self._remove(task_id)

    def clear(self) -> None:
        """Removes all executions."""
        with self._lock:
            self._kept.clear()
            self._numbers.clear()
            self._characters = 0

    def _remove(self, task_id: UUID) -> None:
        if (number := self._numbers.pop(task_id, None)) is not None:
            self._characters -= _length(self._kept.pop(number))


def _length(one: Shown) -> int:
    return sum(len(value) for value in one if isinstance(value, str))
