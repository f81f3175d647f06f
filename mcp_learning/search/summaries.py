"""What searches show, kept at hand.

Reading the texts of five executions out of the database takes longer than all the rest of a search.
So they are kept in memory, within bounds, and one is used only if it has the change number that the
search found the execution with.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from uuid import UUID

from mcp_learning.models.results import ExecutionSummary
from mcp_learning.store.duckdb import executions
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import Shown

LIMIT = 20_000
"""Executions kept."""

CHARACTERS = 20_000_000
"""Text kept, in characters: 40 MB at most, as Python stores it."""

SHORT = 2_000
"""Characters up to which an execution is taken in ahead of its first showing."""


class Summaries:
    """The most recently changed or shown executions. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, Shown] = OrderedDict()
        self._characters = 0
        self._lock = threading.Lock()

    def load(self, cursor: Cursor) -> None:
        """Takes in the executions that changed last, unless their texts are long."""
        self._keep(executions.shown_latest(cursor, LIMIT, SHORT))

    def of(self, cursor: Cursor, current: Mapping[UUID, int]) -> dict[UUID, ExecutionSummary]:
        """What to show of these executions; leaves out what was deleted just now.

        Args:
            cursor: Of the truth.
            current: The number of each one's last change.
        """
        found = {task_id: self._recall(task_id, number) for task_id, number in current.items()}
        missing = [task_id for task_id, one in found.items() if one is None]
        if missing:
            fresh = executions.shown(cursor, missing)
            self._keep(fresh)
            found |= fresh
        return {task_id: one.summary for task_id, one in found.items() if one is not None}

    def drop(self, task_ids: Iterable[UUID]) -> None:
        """Lets go of these executions."""
        with self._lock:
            for task_id in task_ids:
                self._remove(task_id)

    def _recall(self, task_id: UUID, sequence: int) -> Shown | None:
        with self._lock:
            kept = self._kept.get(task_id)
            if kept is None or kept.sequence != sequence:
                return None
            self._kept.move_to_end(task_id)
            return kept

    def _keep(self, fresh: dict[UUID, Shown]) -> None:
        with self._lock:
            for task_id, one in fresh.items():
                self._remove(task_id)
                self._kept[task_id] = one
                self._characters += _length(one)
            while len(self._kept) > LIMIT or self._characters > CHARACTERS:
                self._remove(next(iter(self._kept)))

    def _remove(self, task_id: UUID) -> None:
        if (old := self._kept.pop(task_id, None)) is not None:
            self._characters -= _length(old)


def _length(one: Shown) -> int:
    return sum(len(value) for _, value in one.summary if isinstance(value, str))
