"""What doesn't depend on the task at hand, of the executions that options are compared by.

It is made once for each state of the rows: what a recommendation does of it anew is a few sums.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Choice
from mcp_learning.recommend import changepoint
from mcp_learning.recommend.belief import Counts, Floats
from mcp_learning.recommend.estimate import Regularities
from mcp_learning.recommend.evidence import Bools, Ints, counts_of, said
from mcp_learning.recommend.labels import Merged, choices, merge
from mcp_learning.recommend.strengths import Strengths
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.snapshot import Snapshot

DAY = 86_400e6
"""In microseconds."""

_SUCCESS, _PENDING = OUTCOMES.index("success"), OUTCOMES.index("pending")


class Unchanged(NamedTuple):
    """What `changepoint.unchanged_on_all_tasks` says of one option, and of which runs of it.

    Attributes:
        versions: (k,) of their embeddings.
        success: (k,).
        unchanged: (k,).
    """

    versions: Ints
    success: Bools
    unchanged: Floats


@dataclass(frozen=True)
class EndedExecutions:
    """Ended executions that name an option, n of them, oldest first. Arrays have n elements.

    Attributes:
        rows: int64, ascending by time.
        position: (all rows,) int64, of each row among these; -1: none.
        merged: The options.
        option: int64, the number of what was tried.
        success: bool, as recorded.
        says: float64, what that says of a rate (`evidence.said`).
        information: float64, confidence².
        days: float64, when it was recorded, in days since 1970.
        versions: int64, of embeddings.
        learned: What the same rows show.
        crowd: float64, `Regularities.crowd`.
        uses: (u,) options and (u,) codes of types of task: each pair that occurs, also of
            executions that haven't ended.
        by_option: Positions of each option's executions, one option after the other.
        ends: (options + 1,) where those of an option end, after a 0.
        changes: By name of an option, whether it changed on all tasks, as far as that was asked.
    """

    rows: Ints
    position: Ints
    merged: Merged
    option: Ints
    success: Bools
    says: Floats
    information: Floats
    days: Floats
    versions: Ints
    learned: Regularities
    crowd: Floats
    uses: tuple[Ints, Ints]
    by_option: Ints
    ends: Ints
    changes: dict[str, Unchanged]

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        by: Choice,
        learned: Regularities,
        changes: Mapping[str, Unchanged],
    ) -> "EndedExecutions":
        """That of a label.

        Args:
            snapshot: All rows, without filters.
            by: The label.
            learned: From the same rows.
            changes: Of an earlier state of the rows.
        """
        view = snapshot.view
        labels, chosen = choices(snapshot, by)
        merged = merge(labels, chosen[view["alive"]])
        option = merged.number[chosen]
        named = view["alive"] & (option >= 0)
        types = len(snapshot.labels("task_type"))
        pairs = np.unique(option[named] * types + view["task_type"][named])
        ended = named & (view["outcome"] != _PENDING) & (view["confidence"] > 0)
        rows = np.flatnonzero(ended)
        rows = rows[np.lexsort((view["sequence"][rows], view["timestamp"][rows]))]
        position = np.full(len(view), -1)
        position[rows] = np.arange(len(rows))
        option, success = option[rows], view["outcome"][rows] == _SUCCESS
        confidence = view["confidence"][rows].astype(np.float64)
        versions = view["version"][rows].astype(np.int64)
        counts = np.bincount(option, minlength=len(merged.names))
        return cls(
            rows=rows,
            position=position,
            merged=merged,
            option=option,
            success=success,
            says=said(success, confidence),
            information=confidence**2,
            days=view["timestamp"][rows] / DAY,
            versions=versions,
            learned=learned,
            crowd=learned.crowd(versions),
            uses=np.divmod(pairs, types),
            by_option=np.argsort(option, kind="stable"),
            ends=np.append(0, np.cumsum(counts)),
            changes=dict(changes),
        )

    def counts(self, weight: Floats, options: int) -> Counts:
        """Of so many options, at least those there are, by (n,) weights."""
        return counts_of(self.option, self.says, weight, options)

    def discount_changed(
        self, weight: Floats, options: Ints, vectors: NDArray[np.float32], noise: float
    ) -> bool:
        """Multiplies weights by `changepoint.unchanged_on_all_tasks`; says whether any changed.

        Args:
            weight: (n,), changed in place.
            options: (m,) numbers of the options that are looked at.
            vectors: (all rows, dimension) of the same rows.
            noise: `Embedder.floor` of their model.
        """
        changed = False
        for number in options[options < len(self.ends) - 1].tolist():
            mine = self.by_option[self.ends[number] : self.ends[number + 1]]
            unchanged = self._unchanged(self.merged.names[number], mine, vectors, noise)
            if (unchanged < 1).any():
                weight[mine] *= unchanged
                changed = True
        return changed

    def _unchanged(
        self, name: str, mine: Ints, vectors: NDArray[np.float32], noise: float
    ) -> Floats:
        versions, success = self.versions[mine], self.success[mine]
        known = self.changes.get(name)
        if (
            known is None
            or not np.array_equal(known.versions, versions)
            or not np.array_equal(known.success, success)
        ):
            rows = self.rows[mine]
            unchanged = changepoint.unchanged_on_all_tasks(
                np.zeros(len(mine), np.int64), success, lambda at: vectors[rows[at]], noise, 1
            )
            known = self.changes[name] = Unchanged(versions, success, unchanged)
        return known.unchanged


class HistoryCache:
    """The history of each label, until the rows change. Safe to use from several threads."""

    def __init__(self) -> None:
        self._strengths = Strengths()
        self._known: dict[Choice, tuple[int, EndedExecutions]] = {}

    def of(self, snapshot: Snapshot, by: Choice, noise: float) -> EndedExecutions:
        """That of a label.

        Args:
            snapshot: All rows, without filters.
            by: The label.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        revision, history = self._known.get(by, (None, None))
        if history is None or revision != snapshot.view.revision:
            learned = self._strengths.of(snapshot, by, noise)
            changes = {} if history is None else history.changes
            history = EndedExecutions.of(snapshot, by, learned, changes)
            self._known[by] = snapshot.view.revision, history
        return history
