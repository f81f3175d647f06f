"""Caches what doesn't depend on the task at hand, once for each state of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Choice
from mcp_learning.recommend import changepoint
from mcp_learning.recommend.belief import Counts, Floats
from mcp_learning.recommend.ended import Ended, latest_failures
from mcp_learning.recommend.estimate import Regularities
from mcp_learning.recommend.evidence import Ints, counts_of, recency
from mcp_learning.recommend.labels import choices
from mcp_learning.recommend.strengths import Strengths
from mcp_learning.search.catalog import CatalogView
from mcp_learning.search.snapshot import Snapshot

DAY = 86_400e6
"""Microseconds of a day."""

LATEST_FAILURES = 1_000
"""Failures that are compared with a task by meaning."""


class Unchanged(NamedTuple):
    """The result of `changepoint.unchanged_on_all_tasks` for the k runs of one option.

    Attributes:
        runs: (3, k) embedding versions, repositories and corrected outcomes of the runs.
        unchanged: (k,) the result.
    """

    runs: Floats
    unchanged: Floats


@dataclass(frozen=True)
class EndedExecutions(Ended):
    """Ended executions with precomputed values. Arrays have n elements.

    Attributes:
        position: (all rows,) int64, position of each row among these; -1: none.
        days: float64, time of recording, in days since 1970.
        versions: int64, embedding versions.
        repo: int64, codes of repositories.
        learned: What was learned from the same rows.
        kind_effects: float64, `Regularities.kind_effects`.
        uses: (u,) options and (u,) codes of task types: each pair that occurs, also in executions
            that haven't ended.
        runs: Positions of the executions of each option.
        changes: Changes on all tasks, by name of the option, as far as they were computed.
        failures: Rows of the `LATEST_FAILURES`, which need not name an option.
    """

    position: Ints
    days: Floats
    versions: Ints
    repo: Ints
    learned: Regularities
    kind_effects: Floats
    uses: tuple[Ints, Ints]
    runs: Sequence[Ints]
    changes: dict[str, Unchanged]
    failures: Ints

    @classmethod
    def prepared(
        cls,
        ended: Ended,
        snapshot: Snapshot,
        by: Choice,
        learned: Regularities,
        changes: Mapping[str, Unchanged],
    ) -> "EndedExecutions":
        """Computes the values.

        Args:
            ended: The executions.
            snapshot: All rows, without filters.
            by: The label whose values are the options.
            learned: What was learned from the same rows.
            changes: Changes computed for an earlier state of the rows.
        """
        view = snapshot.view
        option = ended.merged.number[choices(snapshot, by)[1]]
        named = view["alive"] & (option >= 0)
        types = len(snapshot.labels("task_type"))
        pairs = np.unique(option[named] * types + view["task_type"][named])
        position = np.full(len(view), -1)
        position[ended.rows] = np.arange(len(ended.rows))
        versions = view["version"][ended.rows].astype(np.int64)
        repo = view["repo"][ended.rows].astype(np.int64)
        names = ended.merged.names
        counts = np.bincount(ended.option, minlength=len(names))
        runs = np.split(np.argsort(ended.option, kind="stable"), np.cumsum(counts))[:-1]
        values = np.stack([versions, repo, ended.corrected])
        still = {
            name: known
            for name, mine in zip(names, runs, strict=True)
            if (known := changes.get(name)) and np.array_equal(known.runs, values[:, mine])
        }
        return cls(
            **vars(ended),
            position=position,
            days=view["timestamp"][ended.rows] / DAY,
            versions=versions,
            repo=repo,
            learned=learned,
            kind_effects=learned.kind_effects(versions),
            uses=np.divmod(pairs, types),
            runs=runs,
            changes=still,
            failures=latest_failures(view, LATEST_FAILURES),
        )

    def weights(
        self, now: datetime, half_life_days: float, some: Ints | slice = slice(None)
    ) -> Floats:
        """(k,) weights, 0..1, by age and by the information of the outcome.

        Args:
            now: The time of the question, zone-aware.
            half_life_days: Age at which evidence counts half, in days.
            some: Positions of k executions; by default all.
        """
        return _weights(self.days[some], self.information[some], now, half_life_days)

    def counts(self, weight: Floats, options: int) -> Counts:
        """Counts of m options, at least all existing ones, by (n,) weights."""
        return counts_of(self.option, self.corrected, weight, options)

    def discount_changed(
        self, weight: Floats, options: Ints, vectors: NDArray[np.float32], noise: float
    ) -> bool:
        """Multiplies weights by `changepoint.unchanged_on_all_tasks`; says whether any changed.

        Args:
            weight: (n,), changed in place.
            options: (m,) numbers of the options to examine.
            vectors: (all rows, dimension) vectors of the same rows.
            noise: `Embedder.floor` of their model.
        """
        changed = False
        for number in options[options < len(self.runs)].tolist():
            mine = self.runs[number]
            unchanged = self._unchanged(self.merged.names[number], mine, vectors, noise)
            if (unchanged < 1).any():
                weight[mine] *= unchanged
                changed = True
        return changed

    def _unchanged(
        self, name: str, mine: Ints, vectors: NDArray[np.float32], noise: float
    ) -> Floats:
        known = self.changes.get(name)
        if known is None:
            rows, repo, corrected = self.rows[mine], self.repo[mine], self.corrected[mine]
            unchanged = changepoint.unchanged_on_all_tasks(
                corrected, self.information[mine], repo, lambda at: vectors[rows[at]], noise
            )
            runs = np.stack([self.versions[mine], repo, corrected])
            known = self.changes[name] = Unchanged(runs, unchanged)
        return known.unchanged


def weights_of(view: CatalogView, rows: Ints, now: datetime, half_life_days: float) -> Floats:
    """(k,) `EndedExecutions.weights` of any k ended executions, by their rows."""
    days, confidence = view["timestamp"][rows] / DAY, view["confidence"][rows].astype(np.float64)
    return _weights(days, confidence**2, now, half_life_days)


def _weights(days: Floats, information: Floats, now: datetime, half_life_days: float) -> Floats:
    return recency(now.timestamp() * 1e6 / DAY - days, half_life_days) * information


class HistoryCache:
    """Caches the history by label, until the rows change. Safe to use from several threads."""

    def __init__(self) -> None:
        self._strengths = Strengths()
        self._known: dict[Choice, tuple[int, EndedExecutions]] = {}

    def of(self, snapshot: Snapshot, by: Choice, noise: float) -> EndedExecutions:
        """The history for a label.

        Args:
            snapshot: All rows, without filters.
            by: The label.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        revision, history = self._known.get(by, (None, None))
        if history is None or revision != snapshot.view.revision:
            ended = Ended.of(snapshot, by)
            learned = self._strengths.of(snapshot, ended, by, noise)
            changes = {} if history is None else history.changes
            history = EndedExecutions.prepared(ended, snapshot, by, learned, changes)
            self._known[by] = snapshot.view.revision, history
        return history
