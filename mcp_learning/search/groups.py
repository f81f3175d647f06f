"""Runs of the same task are one match: the best tasks among rows, and which run to show of each."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.results import Runs
from mcp_learning.search.arrays import top
from mcp_learning.search.snapshot import Snapshot

AS_SIMILAR = 0.05
"""How much less similar, 0..1, the most useful run of a task may be than the most similar one. They
differ in the words of solutions and errors only: an identifier there makes more of a difference."""

_OVERFETCH = 4

Similarities = Callable[[NDArray[np.int64]], NDArray[np.float32]]


class Group(NamedTuple):
    """One task: the row to show, and its runs."""

    row: int
    runs: Runs


def best(
    snapshot: Snapshot, rows: NDArray[np.int64], found: NDArray[np.float32], limit: int
) -> dict[int, float]:
    """The most similar tasks, best first; of equally similar ones the latest first.

    Args:
        snapshot: Where the rows are from.
        rows: (m,) different rows that may be found.
        found: (m,) float32, their similarities.
        limit: Tasks wanted, at least 1.

    Returns:
        The similarity of each task's most similar run, by the task's key.
    """
    k = limit * _OVERFETCH
    while True:
        chosen = top(found, k)
        # Rounded, since equal rows at different places of a matrix differ in the last digit.
        values = np.round(found[chosen], 6)
        order = np.lexsort((-snapshot.view["sequence"][rows[chosen]], -values))
        keys = snapshot.view["task_key"][rows[chosen[order]]].tolist()
        tasks: dict[int, float] = {}
        for key, value in zip(keys, values[order].tolist(), strict=True):
            if len(tasks) < limit:
                tasks.setdefault(key, value)
        if len(tasks) == limit or k >= len(rows):
            return tasks
        k *= _OVERFETCH


def count(snapshot: Snapshot, limit: int) -> int:
    """How many different tasks may be found, counted up to a limit."""
    looked_at = limit * _OVERFETCH
    while True:
        rows = snapshot.passes(np.arange(min(looked_at, len(snapshot.view))))
        tasks = len(np.unique(snapshot.view["task_key"][rows]))
        if tasks >= limit or looked_at >= len(snapshot.view):
            return min(tasks, limit)
        looked_at *= _OVERFETCH


def represent(snapshot: Snapshot, task_key: int, similarities: Similarities, exact: int) -> Group:
    """One task by its most useful run, among those that are about as similar as the most similar.

    Args:
        snapshot: Where the task is.
        task_key: Of the task; at least one of its runs may be found.
        similarities: Gives those of rows.
        exact: `description_hash` of the question: a run with the very same text goes first.
    """
    rows = snapshot.rows_of_task(task_key)
    view = snapshot.view
    success, failure, pending = np.bincount(view["outcome"][rows], minlength=3).tolist()
    runs = Runs(total=len(rows), success=success, failure=failure, pending=pending)
    if len(rows) == 1:
        return Group(int(rows[0]), runs)
    found = similarities(rows)
    near = rows[found >= found.max() - AS_SIMILAR]
    # A success tells more than a failure, one that is told more than one that isn't.
    usefulness = (
        view["sequence"][near],
        view["has_solution"][near],
        -view["outcome"][near],
        view["description_hash"][near] == np.uint64(exact),
    )
    return Group(int(near[np.lexsort(usefulness)[-1]]), runs)
