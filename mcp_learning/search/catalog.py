"""Which executions there are: one row in memory for each, by which all indexes number theirs.

A row stands for an execution under one set of texts. What else changes of it (its outcome, say)
changes the row; a changed text makes a new row, and the old one dead. So indexes only append.

Not safe to use from several threads by itself: its owner locks. A search works on a `view`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Filters, Outcome
from mcp_learning.search.arrays import grown
from mcp_learning.store.types import LABELS, Columns

OUTCOMES: tuple[Outcome, ...] = ("success", "failure", "pending")
"""By the numbers that `Columns.outcome` has."""

_TYPES = {
    "high": np.uint64,
    "low": np.uint64,
    "sequence": np.int64,
    "text_hash": np.uint64,
    "task_key": np.int64,
    "timestamp": np.int64,
    "outcome": np.int8,
    "has_solution": np.bool_,
    "description_hash": np.uint64,
    "version": np.int64,
    "alive": np.bool_,
    **dict.fromkeys(LABELS, np.int32),
}
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_MOST_UNSORTED = 2_048
_FEW = 64


@dataclass(frozen=True)
class View:
    """The rows as they are at one moment; `columns` has (n,) arrays by name."""

    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.columns["alive"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def task_id(self, row: int) -> UUID:
        """The execution of a row."""
        return UUID(int=int(self.columns["high"][row]) << 64 | int(self.columns["low"][row]))


class Catalog:
    """The rows, appended to and changed in place."""

    def __init__(self) -> None:
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(0, kind) for name, kind in _TYPES.items()
        }
        self._used = 0
        self._alive = 0
        self._codes: dict[str, dict[str, int]] = {name: {"": 0} for name in LABELS}
        self._by_key = _ByKey()
        self.sequence = 0
        """The highest change number that was taken in."""

    def __len__(self) -> int:
        return self._used

    @property
    def alive(self) -> int:
        """Rows that aren't dead."""
        return self._alive

    def labels(self, name: str) -> list[str]:
        """The values that a label has had, by the number that rows have; the first is none."""
        return list(self._codes[name])

    def view(self) -> View:
        """The rows as of now. Later changes of a row show through, later rows don't."""
        return View({name: column[: self._used] for name, column in self._columns.items()})

    def apply(self, changed: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Takes in changes.

        A new row whose description is the old one's keeps its `version`; any other has 0.

        Returns:
            (m,) rows that were appended, and (m,) rows that they replace, dead now; -1: none.
        """
        old = self.find(changed.high, changed.low)
        same = np.zeros(len(changed), bool)
        same[old >= 0] = self._columns["text_hash"][old[old >= 0]] == changed.text_hash[old >= 0]
        self._write(old[same], changed, same)
        fresh = ~same
        start = self._used
        rows = np.arange(start, start + int(fresh.sum()))
        self._reserve(start + len(rows))
        self._used += len(rows)
        self._alive += len(rows)
        self._columns["alive"][rows] = True
        self._columns["version"][rows] = self._kept_versions(
            old[fresh], changed.description_hash[fresh]
        )
        self._write(rows, changed, fresh)
        self.kill(old[fresh & (old >= 0)])
        self.sequence = max(self.sequence, int(changed.sequence.max(initial=0)))
        return rows, old[fresh]

    def set_versions(self, rows: NDArray[np.int64], versions: NDArray[np.int64]) -> None:
        """Notes which embeddings rows have."""
        self._columns["version"][rows] = versions

    def kill(self, rows: NDArray[np.int64]) -> None:
        """Marks rows dead; those that are dead already stay so."""
        alive = self._columns["alive"]
        rows = np.unique(rows)
        self._alive -= int(alive[rows].sum())
        alive[rows] = False

    def rows_of(self, task_ids: Sequence[UUID]) -> NDArray[np.int64]:
        """(n,) the living row of each execution; -1 where there is none."""
        high = np.array([task_id.int >> 64 for task_id in task_ids], np.uint64)
        low = np.array([task_id.int & (1 << 64) - 1 for task_id in task_ids], np.uint64)
        return self.find(high, low)

    def find(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
        """(n,) the living row of each of n executions, by the halves of their ids; -1: none."""
        stored = self._columns["low"][: self._used]
        # A few are looked for one by one, many in one pass over all rows.
        if len(low) <= _FEW:
            candidates = np.concatenate(
                [np.empty(0, np.int64), *(np.flatnonzero(stored == one) for one in low)]
            )
        else:
            candidates = np.flatnonzero(np.isin(stored, low))
        candidates = candidates[self._columns["alive"][candidates]]
        halves = (self._columns["high"][candidates].tolist(), stored[candidates].tolist())
        known = dict(zip(zip(*halves, strict=True), candidates.tolist(), strict=True))
        wanted = zip(high.tolist(), low.tolist(), strict=True)
        return np.array([known.get(pair, -1) for pair in wanted], np.int64)

    def rows_of_task(self, task_key: int) -> NDArray[np.int64]:
        """The rows of all runs of a task, ascending, dead ones among them."""
        return self._by_key.rows(self._columns["task_key"][: self._used], task_key)

    def mask(self, filters: Filters, now: datetime) -> NDArray[np.bool_] | None:
        """(n,) bool: the living rows that pass; None when all rows do.

        Args:
            filters: Compared exactly.
            now: What `filters.since_days` counts from, zone-aware.
        """
        passing: list[NDArray[np.bool_]] = []
        used = slice(self._used)
        if self._alive < self._used:
            passing.append(self._columns["alive"][used])
        for name in LABELS:
            if (value := getattr(filters, name, None)) is not None:
                code = self._codes[name].get(value, -1)
                passing.append(self._columns[name][used] == code)
        if filters.outcome != "any":
            passing.append(self._columns["outcome"][used] == OUTCOMES.index(filters.outcome))
        if filters.since_days is not None:
            # In whole microseconds: a float of seconds is off by some.
            since = (now - timedelta(days=filters.since_days) - _EPOCH) // _MICROSECOND
            passing.append(self._columns["timestamp"][used] >= since)
        return np.logical_and.reduce(passing) if passing else None

    def compacted(self) -> tuple["Catalog", NDArray[np.int64]]:
        """A catalog of the living rows alone, in the same order, and (m,) which rows they were."""
        kept = np.flatnonzero(self._columns["alive"][: self._used])
        other = Catalog()
        other._columns = {name: column[kept] for name, column in self._columns.items()}
        other._used = other._alive = len(kept)
        other._codes, other.sequence = self._codes, self.sequence
        return other, kept

    def _kept_versions(
        self, old: NDArray[np.int64], described: NDArray[np.uint64]
    ) -> NDArray[np.int64]:
        if not self._used:
            return np.zeros(len(old), np.int64)
        kept = (old >= 0) & (self._columns["description_hash"][old] == described)
        return np.where(kept, self._columns["version"][old], 0)

    def _write(self, rows: NDArray[np.int64], changed: Columns, chosen: NDArray[np.bool_]) -> None:
        for name, column in self._columns.items():
            if name in LABELS:
                codes = self._codes[name]
                values = changed.labels[name][chosen].tolist()
                column[rows] = [codes.setdefault(value, len(codes)) for value in values]
            elif name not in ("version", "alive"):
                column[rows] = getattr(changed, name)[chosen]

    def _reserve(self, rows: int) -> None:
        for name, column in self._columns.items():
            self._columns[name] = grown(column, rows)


class _ByKey:
    """Finds rows by their task: a sorted index, and a scan over what came after it."""

    def __init__(self) -> None:
        self._order = np.empty(0, np.int64)
        self._keys = np.empty(0, np.int64)

    def rows(self, keys: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
        """Where `wanted` is in `keys`, ascending; `keys` are those of the last call and more."""
        if len(keys) - len(self._keys) > max(_MOST_UNSORTED, len(keys) // 10):
            self._order = np.argsort(keys, kind="stable")
            self._keys = keys[self._order]
        begin, end = (self._keys.searchsorted(wanted, side) for side in ("left", "right"))
        if len(keys) == len(self._keys):
            return self._order[begin:end]
        later = len(self._keys) + np.flatnonzero(keys[len(self._keys) :] == wanted)
        return np.concatenate([self._order[begin:end], later])
