"""The columns of all executions in memory, one row each. All indexes use the same row numbers.

A row holds an execution with one state of its texts. When one of its texts changes, the execution
gets a new row and the old one is marked dead, so that indexes only append. Other changes, such as
of the outcome, are made in place.

Not thread-safe: its owner locks. A search works on a `view`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, islice
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.folding import normalised
from mcp_learning.models.requests import Filters, Outcome
from mcp_learning.redaction.repositories import matching
from mcp_learning.search.arrays import grown, is_in_sorted
from mcp_learning.store.types import CODED, LABELS, Columns

OUTCOMES: tuple[Outcome, ...] = ("success", "failure", "pending")
"""Outcomes by their code in `Columns.outcome`."""

_TYPES = {
    "high": np.uint64,
    "low": np.uint64,
    "sequence": np.int64,
    "text_hash": np.uint64,
    "task_key": np.int64,
    "timestamp": np.int64,
    "outcome": np.int8,
    "confidence": np.float32,
    "has_solution": np.bool_,
    "description_hash": np.uint64,
    "version": np.int64,
    "alive": np.bool_,
    "fetched": np.bool_,
    **dict.fromkeys(CODED, np.int32),
}
_revisions = count(1)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
MAX_UNSORTED = 2_048
"""Appended rows that a search by task key scans; the index is sorted again beyond them."""

MAX_SCANS = 64
"""Most ids for which a scan each is faster than one pass with a set of them."""


@dataclass(frozen=True)
class CatalogView:
    """The first n rows of a catalog.

    Attributes:
        columns: (n,) arrays by name.
        revision: The catalog's revision when the view was made.
        sequence: The highest change number applied until then.
    """

    columns: dict[str, NDArray[Any]]
    revision: int
    sequence: int

    def __len__(self) -> int:
        return len(self.columns["alive"])

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def task_id(self, row: int) -> UUID:
        """The execution of a row."""
        return UUID(int=int(self.columns["high"][row]) << 64 | int(self.columns["low"][row]))


class Catalog:
    """All rows, living and dead.

    Args:
        max_unsorted: See `MAX_UNSORTED`.
        max_scans: See `MAX_SCANS`.
    """

    def __init__(self, *, max_unsorted: int = MAX_UNSORTED, max_scans: int = MAX_SCANS) -> None:
        self._max_unsorted, self._max_scans = max_unsorted, max_scans
        self._columns: dict[str, NDArray[Any]] = {
            name: np.zeros(0, kind) for name, kind in _TYPES.items()
        }
        self._used = 0
        self._alive = 0
        self._codes: dict[str, dict[str, int]] = {name: {"": 0} for name in CODED}
        self._by_key = _TaskKeyIndex(max_unsorted)
        self._same_repository: dict[int, tuple[int, list[int]]] = {}
        self._by_form: dict[str, tuple[int, dict[str, list[int]]]] = {}
        self._types = {"": 0}
        self.sequence = 0
        """The highest change number applied."""
        self.revision = 0
        """Changes with every change of a row; no two catalogs have the same."""

    def __len__(self) -> int:
        return self._used

    @property
    def alive(self) -> int:
        """Number of living rows."""
        return self._alive

    def labels(self, name: str) -> list[str]:
        """The values of a column of `CODED` by their code; code 0 is no value.

        All spellings of a task type have one code; the value is the last one in the order of
        characters, as `bug_fix` is after `Bug Fix`.
        """
        codes = self._codes[name]
        if name != "task_type":
            return list(codes)
        values = [""] * len(self._types)
        for spelling, code in codes.items():
            values[code] = max(values[code], spelling)
        return values

    def same_repository(self, code: int) -> list[int]:
        """The codes of all spellings that may name the same repository as `code`; none for 0."""
        codes = self._codes["repo"]
        compared, same = self._same_repository.get(code, (1, []))
        if code and compared < len(codes):
            spellings = list(codes)
            same = [*same, *(codes[s] for s in matching(spellings[code], spellings[compared:]))]
            self._same_repository[code] = len(codes), same
        return same

    def view(self) -> CatalogView:
        """The current rows. Later changes of these rows appear in it, later rows don't."""
        columns = {name: column[: self._used] for name, column in self._columns.items()}
        return CatalogView(columns, self.revision, self.sequence)

    def apply(self, changed: Columns) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Applies changes.

        A new row keeps the `version` of the one that it replaces if the description is the same;
        otherwise it is 0.

        Returns:
            (m,) appended rows, and (m,) rows that they replace, now dead; -1: none.
        """
        self.revision = next(_revisions)
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
        """Sets the embedding versions of rows."""
        self.revision = next(_revisions)
        self._columns["version"][rows] = versions

    def set_fetched(self, rows: NDArray[np.int64]) -> None:
        """Marks rows as fetched for a question, which biases their document frequencies."""
        self._columns["fetched"][rows] = True

    def kill(self, rows: NDArray[np.int64]) -> None:
        """Marks rows as dead."""
        self.revision = next(_revisions)
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
        if len(low) <= self._max_scans:
            candidates = np.concatenate(
                [np.empty(0, np.int64), *(np.flatnonzero(stored == one) for one in low)]
            )
        else:
            candidates = np.flatnonzero(is_in_sorted(stored, np.sort(low)))
        candidates = candidates[self._columns["alive"][candidates]]
        halves = (self._columns["high"][candidates].tolist(), stored[candidates].tolist())
        known = dict(zip(zip(*halves, strict=True), candidates.tolist(), strict=True))
        wanted = zip(high.tolist(), low.tolist(), strict=True)
        return np.array([known.get(pair, -1) for pair in wanted], np.int64)

    def rows_of_task(self, task_key: int) -> NDArray[np.int64]:
        """The rows of all runs of a task, ascending, including dead ones."""
        return self._by_key.rows(self._columns["task_key"][: self._used], task_key)

    def mask(self, filters: Filters, now: datetime) -> NDArray[np.bool_] | None:
        """(n,) bool: the living rows that pass the filters; None if all rows do.

        Args:
            filters: Labels match in any spelling.
            now: The time that `filters.since_days` counts back from, zone-aware.
        """
        passing: list[NDArray[np.bool_]] = []
        used = slice(self._used)
        if self._alive < self._used:
            passing.append(self._columns["alive"][used])
        for name in LABELS:
            if (value := getattr(filters, name, None)) is not None:
                column = self._columns[name][used]
                alike = self._of_repository if name == "repo" else partial(self._of_label, name)
                passing.append(np.isin(column, alike(value)))
        if filters.outcome != "any":
            passing.append(self._columns["outcome"][used] == OUTCOMES.index(filters.outcome))
        if filters.since_days is not None:
            # In whole microseconds, since seconds as a float are off by some.
            since = (now - timedelta(days=filters.since_days) - _EPOCH) // _MICROSECOND
            passing.append(self._columns["timestamp"][used] >= since)
        if filters.since is not None:
            passing.append(
                self._columns["timestamp"][used] >= (filters.since - _EPOCH) // _MICROSECOND
            )
        return np.logical_and.reduce(passing) if passing else None

    def _of_repository(self, repo: str) -> list[int]:
        codes = self._codes["repo"]
        return [codes[spelling] for spelling in matching(repo, codes)]

    def _of_label(self, name: str, value: str) -> list[int]:
        """The codes of all spellings of a label."""
        codes = self._codes[name]
        known, by_form = self._by_form.get(name, (1, {}))
        if known < len(codes):
            for spelling, code in islice(codes.items(), known, None):
                by_form.setdefault(normalised(spelling), []).append(code)
            self._by_form[name] = len(codes), by_form
        return by_form.get(normalised(value), [])

    def compacted(self) -> tuple["Catalog", NDArray[np.int64]]:
        """A catalog of the living rows in the same order, and (m,) their old numbers."""
        kept = np.flatnonzero(self._columns["alive"][: self._used])
        other = Catalog(max_unsorted=self._max_unsorted, max_scans=self._max_scans)
        other._columns = {name: column[kept] for name, column in self._columns.items()}
        other._used = other._alive = len(kept)
        other._codes, other._types, other.sequence = self._codes, self._types, self.sequence
        other.revision = next(_revisions)
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
            if name in CODED:
                codes = self._codes[name]
                values = changed.labels[name][chosen].tolist()
                if name == "task_type":
                    for spelling in set(values) - codes.keys():
                        number = len(self._types)
                        codes[spelling] = self._types.setdefault(normalised(spelling), number)
                column[rows] = [codes.setdefault(value, len(codes)) for value in values]
            elif name not in ("version", "alive", "fetched"):
                column[rows] = getattr(changed, name)[chosen]

    def _reserve(self, rows: int) -> None:
        for name, column in self._columns.items():
            self._columns[name] = grown(column, rows)


class _TaskKeyIndex:
    """Finds rows by task key: a sorted index, and a scan over the rows that were appended since."""

    def __init__(self, max_unsorted: int) -> None:
        self._max_unsorted = max_unsorted
        self._order = np.empty(0, np.int64)
        self._keys = np.empty(0, np.int64)

    def rows(self, keys: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
        """Ascending positions of `wanted` in `keys`, which only grows from call to call."""
        if len(keys) - len(self._keys) > max(self._max_unsorted, len(keys) // 10):
            self._order = np.argsort(keys, kind="stable")
            self._keys = keys[self._order]
        begin, end = (self._keys.searchsorted(wanted, side) for side in ("left", "right"))
        if len(keys) == len(self._keys):
            return self._order[begin:end]
        later = len(self._keys) + np.flatnonzero(keys[len(self._keys) :] == wanted)
        return np.concatenate([self._order[begin:end], later])
