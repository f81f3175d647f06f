"""Groups the runs of a task into one match: ranks tasks, and selects the run to show of each."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.results import Runs
from mcp_learning.search.arrays import is_in_sorted, top_k
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.snapshot import Snapshot

AS_SIMILAR = 0.05
"""How much less similar than the most similar run the run to show may be, 0..1. Runs of a task
differ only in the words of their solutions and errors; an identifier there differs by more."""

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
        snapshot: Where the rows are from.
        rows: (m,) different rows, which pass the filters.
        found: (m,) float32, their similarities.
        limit: Tasks wanted, at least 1.

    Returns:
        At most `limit` similarities by task key, in descending order.
    """
    k = limit * _OVERFETCH
    while True:
        chosen = top_k(found, k)
        # Rounded, since equal vectors at different places of a matrix give slightly other products.
        values = np.round(found[chosen], 6)
        order = np.lexsort((-_times(snapshot, rows[chosen]), -values))
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
    task_key: int,
    similarities: Similarities,
    exact: int,
    with_error: NDArray[np.int64],
) -> TaskRuns:
    """Selects the most useful run of a task among those about as similar as its most similar run.

    Args:
        snapshot: Where the task is.
        task_key: Of the task; at least one of its runs passes the filters.
        similarities: Of rows.
        exact: `description_hash` of the query; a run with the same description comes first.
        with_error: Ascending rows that have the error that the query quotes; they come next.
    """
    rows = snapshot.rows_of_task(task_key)
    view = snapshot.view
    success, failure, pending = np.bincount(view["outcome"][rows], minlength=3).tolist()
    runs = Runs(total=len(rows), success=success, failure=failure, pending=pending)
    row = int(rows[0])
    if len(rows) > 1:
        row = _most_useful(snapshot, rows, similarities(rows), exact, with_error)
    failed = view["outcome"][row] == OUTCOMES.index("failure")
    return TaskRuns(row, runs, snapshot.fix_of(row) if failed else None)


def _most_useful(
    snapshot: Snapshot,
    rows: NDArray[np.int64],
    found: NDArray[np.float32],
    exact: int,
    with_error: NDArray[np.int64],
) -> int:
    view = snapshot.view
    near = rows[found >= found.max() - AS_SIMILAR]
    # By description, error, outcome (success first), whether it has a solution, and time; the last
    # wins.
    usefulness = (
        _times(snapshot, near),
        view["has_solution"][near],
        -view["outcome"][near],
        is_in_sorted(near, with_error),
        view["description_hash"][near] == np.uint64(exact),
    )
    return int(near[np.lexsort(usefulness)[-1]])


def _times(snapshot: Snapshot, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(k,) numbers that ascend with the last change of k rows.

    Where some were fetched for a question, later than they changed, with the time of recording.
    """
    view = snapshot.view
    return np.asarray(view["timestamp" if view["guest"].any() else "sequence"][rows])
