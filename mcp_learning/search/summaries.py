"""What searches show, kept at hand.

Reading the texts of five executions out of the database takes longer than all the rest of a search.
So they are kept in memory, as many as `LIMIT`, and one is used only if the truth, which every
search asks anyway, says that the execution has not changed since.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from mcp_learning.models.results import ExecutionSummary
from mcp_learning.store import executions
from mcp_learning.store.duckdb import Cursor
from mcp_learning.store.executions import Run, Shown

LIMIT = 20_000
"""Executions kept: some 1.5 kB each."""


class Summaries:
    """The most recently changed or shown executions. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, Shown] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, cursor: Cursor) -> None:
        """Takes in the executions that changed last."""
        self._keep(executions.shown_latest(cursor, LIMIT))

    def of(self, cursor: Cursor, runs: Sequence[Run]) -> dict[UUID, ExecutionSummary]:
        """What to show of these executions; leaves out what was deleted just now."""
        found = {run.task_id: self._kept.get(run.task_id) for run in runs}
        changed = [
            run.task_id
            for run in runs
            if (kept := found[run.task_id]) is None or kept.sequence != run.sequence
        ]
        if changed:
            fresh = executions.shown(cursor, changed)
            self._keep(fresh)
            found |= {task_id: fresh.get(task_id) for task_id in changed}
        return {task_id: one.summary for task_id, one in found.items() if one is not None}

    def drop(self, task_ids: set[UUID]) -> None:
        """Lets go of these executions."""
        with self._lock:
            for task_id in task_ids:
                self._kept.pop(task_id, None)

    def _keep(self, fresh: dict[UUID, Shown]) -> None:
        with self._lock:
            for task_id, one in fresh.items():
                self._kept[task_id] = one
                self._kept.move_to_end(task_id)
            while len(self._kept) > LIMIT:
                self._kept.popitem(last=False)
