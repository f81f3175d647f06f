"""What searches show, kept in memory within bounds.

To read the texts of five executions from the store takes longer than all the rest of a search. A
kept one is used only if it has the change number that the search found the execution with.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from uuid import UUID

from mcp_learning.models.results import ExecutionSummary
from mcp_learning.store.types import Shown

LIMIT = 20_000
"""Executions kept."""

CHARACTERS = 20_000_000
"""Text kept, in characters: 40 MB at most, as Python stores it."""

SHORT = 2_000
"""Characters up to which an execution is kept before it was ever shown."""


class Summaries:
    """The executions that changed or were shown last. Safe to use from several threads.

    Args:
        limit: Executions kept at most.
        characters: Characters of text kept at most.
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
        """Those of these executions that are kept as of their change numbers."""
        found: dict[UUID, ExecutionSummary] = {}
        with self._lock:
            for task_id, number in numbers.items():
                kept = self._kept.get(task_id)
                if kept is not None and kept.sequence == number:
                    self._kept.move_to_end(task_id)
                    found[task_id] = kept.summary
        return found

    def keep(self, fresh: Mapping[UUID, Shown]) -> None:
        """Keeps what was read from the store, the last ones longest."""
        with self._lock:
            for task_id, one in fresh.items():
                self._remove(task_id)
                self._kept[task_id] = one
                self._characters += _length(one)
            while len(self._kept) > self._limit or self._characters > self._most_characters:
                self._remove(next(iter(self._kept)))

    def drop(self, task_ids: Iterable[UUID]) -> None:
        """Lets go of these executions."""
        with self._lock:
            for task_id in task_ids:
                self._remove(task_id)

    def _remove(self, task_id: UUID) -> None:
        if (old := self._kept.pop(task_id, None)) is not None:
            self._characters -= _length(old)


def _length(one: Shown) -> int:
    return sum(len(value) for _, value in one.summary if isinstance(value, str))
