"""Exact search over all rows, which skips the rows that upper bounds rule out."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import groups
from mcp_learning.search.arrays import top_k
from mcp_learning.search.exact import DENSE_SHARE
from mcp_learning.search.scorer import ROUNDING, Scorer
from mcp_learning.search.snapshot import Snapshot

_PER_TASK = 8
"""Rows per wanted task, those with the greatest bounds, that are compared first."""


def best_of_all(snapshot: Snapshot, scorer: Scorer, limit: int, floor: float) -> dict[int, float]:
    """The most similar tasks that pass the filters; exact for those that reach the floor.

    Args:
        snapshot: The rows.
        scorer: Scores them for the query.
        limit: Tasks wanted, at least 1.
        floor: Least similarity; tasks below it may be missing.

    Returns:
        As `groups.best`.
    """
    rows = contenders(snapshot, scorer, limit, floor)
    if rows is None and snapshot.passing is not None:
        rows = np.flatnonzero(snapshot.passing)
    found = scorer.similarities(rows)
    everywhere = np.arange(len(found)) if rows is None else rows
    return groups.best(snapshot, everywhere, found, limit)


def contenders(
    snapshot: Snapshot, scorer: Scorer, limit: int, floor: float
) -> NDArray[np.int64] | None:
    """(m,) rows that the bounds don't rule out, ascending; None if comparing all is faster.

    The arguments are those of `best_of_all`, whose result is among these rows.
    """
    most = int(DENSE_SHARE * len(snapshot.view))
    if snapshot.eligible <= most:
        return None  # few rows pass the filters
    bounds = scorer.bounds()
    if bounds is None:
        return None
    if snapshot.passing is not None:
        bounds[~snapshot.passing] = -np.inf
    first = np.sort(snapshot.passes(top_k(bounds, limit * _PER_TASK)))
    if len(first) > most:
        return None
    best = groups.best(snapshot, first, scorer.similarities(first), limit)
    least = min(best.values()) if len(best) == limit else 0.0
    near = np.flatnonzero(bounds >= max(least, floor) - ROUNDING)
    return near if len(near) <= most else None
