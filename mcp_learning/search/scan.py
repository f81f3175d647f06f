"""The best of all rows, without comparing them all in full where bounds rule most of them out."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import groups
from mcp_learning.search.arrays import top
from mcp_learning.search.exact import DENSE
from mcp_learning.search.scorer import ROUNDING, Scorer
from mcp_learning.search.snapshot import Snapshot

_PER_TASK = 8
"""Rows with the greatest bounds that are compared for each task wanted, to know what to beat."""


def best_of_all(snapshot: Snapshot, scorer: Scorer, limit: int, floor: float) -> dict[int, float]:
    """The most similar tasks that may be found: all of the best that reach the floor, in order.

    Args:
        snapshot: What is searched.
        scorer: Of the question.
        limit: Tasks wanted, at least 1.
        floor: Tasks below it may be missing.

    Returns:
        As `groups.best`.
    """
    rows = _contenders(snapshot, scorer, limit, floor)
    if rows is None and snapshot.passing is not None:
        rows = np.flatnonzero(snapshot.passing)
    found = scorer.similarities(rows)
    everywhere = np.arange(len(found)) if rows is None else rows
    return groups.best(snapshot, everywhere, found, limit)


def _contenders(
    snapshot: Snapshot, scorer: Scorer, limit: int, floor: float
) -> NDArray[np.int64] | None:
    """Rows among which the answer is, ascending; None if that would be too many."""
    most = int(DENSE * len(snapshot.view))
    if snapshot.eligible <= most:
        return None  # only these are compared anyway
    bounds = scorer.bounds()
    if bounds is None:
        return None
    if snapshot.passing is not None:
        bounds[~snapshot.passing] = -np.inf
    first = np.sort(snapshot.passes(top(bounds, limit * _PER_TASK)))
    if len(first) > most:
        return None
    best = groups.best(snapshot, first, scorer.similarities(first), limit)
    least = min(best.values()) if len(best) == limit else 0.0
    near = np.flatnonzero(bounds >= max(least, floor) - ROUNDING)
    return near if len(near) <= most else None
