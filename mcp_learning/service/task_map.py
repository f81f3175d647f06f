"""The map of tasks: a place for every execution that has a vector, and what lies in an area.

Places are computed when somebody looks, and again when the database has changed since. The plane
stays the same until the number of vectors has changed by a quarter, so that a map doesn't turn
while it is being looked at.
"""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.dashboard import MAX_POINTS, Area, TaskMap
from mcp_learning.models.requests import Filters
from mcp_learning.search.projection import Projection, fit
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.sync import Snapshot
from mcp_learning.store.duckdb.connection import Cursor

REFIT = 0.25
"""Change in the number of vectors, as a share, after which the plane is fitted anew."""

_DIGITS = 3


class _Places(NamedTuple):
    state: tuple[int, int, int]
    rows: NDArray[np.int64]  # those with a vector, ascending
    at: NDArray[np.float32]  # (n, 2)


class Atlas:
    """Places of one database's executions. Safe to use from several threads.

    Args:
        retriever: Has the vectors.
        state: Changes whenever the database has.
    """

    def __init__(self, retriever: Retriever, state: Callable[[], tuple[int, int]]) -> None:
        self._retriever = retriever
        self._state = state
        self._lock = threading.Lock()
        self._projection: Projection | None = None
        self._places: _Places | None = None

    def draw(self, cursor: Cursor, filters: Filters, now: datetime) -> TaskMap:
        """The map of the executions that pass the filters; a sample if they are many."""
        snapshot, projection, places = self._look(cursor, filters, now)
        shown = np.isin(places.rows, snapshot.passes(places.rows), assume_unique=True)
        eligible = snapshot.eligible
        rows, at = places.rows[shown], places.at[shown]
        embedded = len(rows)
        if embedded > MAX_POINTS:
            chosen = np.linspace(0, embedded - 1, MAX_POINTS).astype(np.int64)
            rows, at = rows[chosen], at[chosen]
        view = snapshot.view
        codes, kinds = np.unique(view["task_type"][rows], return_inverse=True)
        names = snapshot.labels("task_type")
        rounded = np.round(at.astype(np.float64), _DIGITS)
        return TaskMap(
            embedded=embedded,
            unplaced=eligible - embedded,
            explained=round(projection.explained, 4),
            task_ids=[str(view.task_id(row)) for row in rows.tolist()],
            x=rounded[:, 0].tolist(),
            y=rounded[:, 1].tolist(),
            outcomes=view["outcome"][rows].tolist(),
            kinds=kinds.tolist(),
            task_types=[names[code] for code in codes.tolist()],
        )

    def inside(self, cursor: Cursor, area: Area, filters: Filters, now: datetime) -> list[int]:
        """Change numbers of the executions in an area that pass the filters."""
        snapshot, _, places = self._look(cursor, filters, now)
        x, y = np.round(places.at.astype(np.float64), _DIGITS).T
        chosen = (x >= area.left) & (x <= area.right) & (y >= area.bottom) & (y <= area.top)
        rows = snapshot.passes(places.rows[chosen])
        numbers: list[int] = snapshot.view["sequence"][rows].tolist()
        return numbers

    def _look(
        self, cursor: Cursor, filters: Filters, now: datetime
    ) -> tuple[Snapshot, Projection, _Places]:
        with self._lock:
            rows = self._retriever.rows
            rows.sync(cursor)
            snapshot = rows.snapshot(filters, now)
            state = (*self._state(), len(snapshot.view))
            view = snapshot.view
            if self._places is None or self._projection is None or self._places.state != state:
                placed = np.flatnonzero(view["alive"] & (view["version"] > 0))
                self._projection = self._fitted(snapshot, placed)
                at = self._projection.place(snapshot.vectors)[placed]
                self._places = _Places(state, placed, at)
                rows.release()
            return snapshot, self._projection, self._places

    def _fitted(self, snapshot: Snapshot, rows: NDArray[np.int64]) -> Projection:
        known = self._projection
        fits = known is not None and len(known.mean) == snapshot.vectors.shape[1]
        if known is not None and fits and abs(len(rows) - known.fitted) <= REFIT * known.fitted:
            return known
        return fit(snapshot.vectors, rows)
