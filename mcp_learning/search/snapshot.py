"""What one search works on: the rows as of one moment, and which of them may be found."""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.catalog import Catalog, View
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.search.metric import Metric
from mcp_learning.search.metric_cache import MetricCache
from mcp_learning.search.pca_bounds import PcaBoundsView


@dataclass(frozen=True)
class Snapshot:
    """What one search works on.

    Attributes:
        view: n rows.
        vectors: (n, dimension) float32.
        bounds: Of the similarities of vectors, where they make a search faster.
        words: Of these rows, or a few more or fewer.
        passing: (n,) bool: living rows that pass the filters; None: all.
    """

    view: View
    vectors: NDArray[np.float32]
    bounds: PcaBoundsView | None
    words: WordIndex
    passing: NDArray[np.bool_] | None
    _catalog: Catalog
    _row_of_version: NDArray[np.int32]
    _metric: MetricCache
    _lock: threading.RLock

    @property
    def eligible(self) -> int:
        """How many rows may be found."""
        return len(self.view) if self.passing is None else int(self.passing.sum())

    def passes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the rows that may be found."""
        rows = rows[(rows >= 0) & (rows < len(self.view))]
        return rows if self.passing is None else rows[self.passing[rows]]

    def rows_of_task(self, task_key: int) -> NDArray[np.int64]:
        """The rows of all runs of a task that may be found, ascending."""
        with self._lock:
            rows = self._catalog.rows_of_task(task_key)
        if len(rows) and rows[-1] >= len(self.view):  # recorded since
            rows = rows[rows < len(self.view)]
        return rows if self.passing is None else rows[self.passing[rows]]

    def labels(self, name: str) -> list[str]:
        """The values of a label, by the number that rows have; the first is none."""
        with self._lock:
            return self._catalog.labels(name)

    def rows_of_versions(self, versions: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) the row of each embedding version; -1 where there is none."""
        return rows_of_versions(self._row_of_version, versions)

    def rows_after(self, watermark: int) -> NDArray[np.int64]:
        """The rows that may be found whose embedding version is greater."""
        rows = self._row_of_version[watermark + 1 :].astype(np.int64) - 1
        current = (rows >= 0) & (rows < len(self.view))
        versions = watermark + 1 + np.flatnonzero(current)
        rows = rows[current]
        return self.passes(rows[self.view["version"][rows] == versions])

    def metric(self, rows: NDArray[np.int64], noise: float) -> tuple[Metric, NDArray[np.float32]]:
        """The metric that tells kinds of tasks apart, and (m,) lengths of m rows by it.

        Args:
            rows: (m,) which are wanted.
            noise: `Embedder.floor` of the model.
        """
        return self._metric.of(self.view, self.vectors, rows, noise)

    def coverage(self, scored: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32 of what the word index says; 0 for rows that it lacks."""
        if len(scored) >= len(self.view):
            return scored[: len(self.view)]
        return np.concatenate([scored, np.zeros(len(self.view) - len(scored), np.float32)])


def rows_of_versions(known: NDArray[np.int32], versions: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the row of each embedding version; -1 where there is none.

    Args:
        known: By version, the row plus 1; 0: none.
        versions: (n,) any numbers.
    """
    inside = (versions >= 0) & (versions < len(known))
    return np.where(inside, known[np.where(inside, versions, 0)], 0).astype(np.int64) - 1
