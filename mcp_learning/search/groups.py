"""Groups the runs of a task into one match: ranks tasks, and selects the run to show of each."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.results import Runs
from mcp_learning.search.arrays import is_in_sorted, top_k
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.snapshot import Snapshot

AS_SIMILAR = 0.05
"""How much less similar than a task's most similar run the shown run may be, 0..1. Runs of a task
differ in the words of their solutions and errors; an identifier there makes more difference."""

_OVERFETCH = 4

Similarities = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""From (m,) rows to their (m,) similarities."""


class TaskRuns(NamedTuple):
    """A task: the row to show, its runs by outcome, and of a failure the row that fixed it."""

    row: int
    runs: Runs
    fix: int | None = None


def best(
    snapshot: Snapshot, rows: NDArray[np.int64], found: NDArray[np.float32], limit: int
) -> dict[int, float]:
    """Ranks tasks by their most similar run; of equally similar ones, the latest comes first.

    Args:
        snapshot: The snapshot that the rows are of.
        rows: (m,) distinct rows that pass the filters.
        found: (m,) float32 similarities of the rows.
        limit: Tasks wanted, at least 1.

    Returns:
        At most `limit` similarities by task key, in descending order.
    """
    k = limit * _OVERFETCH
    while True:
        chosen = top_k(found, k)
        # Rounded, since the products of equal vectors depend a little on their place in a matrix.
        values = np.round(found[chosen], 6)
        order = np.lexsort((*-_times(snapshot, rows[chosen]), -values))
        keys = snapshot.view["task_key"][rows[chosen[order]]].tolist()
        tasks: dict[int, float] = {}
        for key, value in zip(keys, values[order].tolist(), strict=True):
            if len(tasks) < limit:
                tasks.setdefault(key, value)
        if len(tasks) == limit or k >= len(rows):
            return tasks
        k *= _OVERFETCH


def represent(
    snapshot: Snapshot,
    tasks: Sequence[NDArray[np.int64]],
    similarities: Similarities,
    exact: int,
    with_error: NDArray[np.int64],
) -> list[TaskRuns]:
    """Selects for each task the most useful run among those about as similar as its most similar.

    Args:
        snapshot: The snapshot that the rows are of.
        tasks: The rows of each task's runs that pass the filters, ascending, at least one.
        similarities: Gives the similarities of rows.
        exact: `description_hash` of the query; a run with the same description comes first.
        with_error: Ascending rows that have the error that the query quotes; they come next.
    """
    if not tasks:
        return []
    view = snapshot.view
    sizes = [len(rows) for rows in tasks]
    rows, task = np.concatenate(tasks), np.repeat(np.arange(len(tasks)), sizes)
    kinds = len(OUTCOMES)
    counted = np.bincount(kinds * task + view["outcome"][rows], minlength=kinds * len(tasks))
    found = similarities(rows)
    most = np.maximum.reduceat(found, np.cumsum([0, *sizes[:-1]]))
    near = found >= most[task] - AS_SIMILAR
    shown = _most_useful(snapshot, rows[near], task[near], exact, with_error).tolist()
    return [
        TaskRuns(
            row,
            Runs(total=sum(runs), success=runs[0], failure=runs[1], pending=runs[2]),
            snapshot.fix_of(row) if failed else None,
        )
        for row, runs, failed in zip(
            shown,
            counted.reshape(len(tasks), kinds).tolist(),
            view["outcome"][shown] == OUTCOMES.index("failure"),
            strict=True,
        )
    ]


def _most_useful(
    snapshot: Snapshot,
    rows: NDArray[np.int64],
    task: NDArray[np.int64],
    exact: int,
    with_error: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The most useful of m rows for each task; `task` has the rows' task numbers, ascending."""
    view = snapshot.view
    # By task, description, error, outcome (success first), whether it has a solution, and time; the
    # last of each task wins.
    order = np.lexsort(
        (
            *_times(snapshot, rows),
            view["has_solution"][rows],
            -view["outcome"][rows],
            is_in_sorted(rows, with_error),
            view["description_hash"][rows] == np.uint64(exact),
            task,
        )
    )
    return rows[order[np.flatnonzero(np.diff(task, append=-1))]]


def _times(snapshot: Snapshot, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2, k) sort keys of k rows by time, for `lexsort`: of the last change, and of recording.

    The time of recording is the primary one, since hosts of a team learn of changes in different
    orders.
    """
    return np.stack([snapshot.view[name][rows] for name in ("sequence", "timestamp")])
