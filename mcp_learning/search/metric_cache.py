"""The metric of one database and the norms of its vectors, kept up to date with the rows."""

import threading

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown
from mcp_learning.search.catalog import CatalogView
from mcp_learning.search.metric import WINDOW, Metric, first_of_each, watermark

_CHUNK = 16_384


class MetricCache:
    """Learns the metric again when the executions that it is learned from have changed.

    Invariant: the metric is a function of the stored executions alone, so a restart doesn't change
    it. It is learned from the window: the living rows with the `WINDOW` highest embedding versions
    up to the watermark of the highest version of a living row.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._metric: Metric | None = None
        self._noise = 0.0
        self._watermark = 0
        self._window = np.zeros(0, np.int64)  # versions, ascending
        self._window_start = 1  # every living row from this version to the watermark is in it
        self._sample = np.zeros(0, np.int64)  # versions of the window's different tasks
        self._norms = np.zeros(0, np.float32)
        self._versions = np.zeros(0, np.int64)  # of the vectors that the norms are of; 0: none

    def of(
        self, view: CatalogView, vectors: NDArray[np.float32], rows: NDArray[np.int64], noise: float
    ) -> tuple[Metric, NDArray[np.float32]]:
        """The metric, and (m,) float32 norms of the vectors of m rows; infinite without a vector.

        A call that learns the metric takes up to 0.2 s longer.

        Args:
            view: n rows.
            vectors: (n, dimension) float32, of these rows; zero without an embedding.
            rows: (m,) rows whose norms are wanted.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        with self._lock:
            if self._metric is None or noise != self._noise or not self._is_current(view):
                self._metric = self._learned(view, vectors, noise)
            return self._metric, self._norms_of(self._metric, view, vectors, rows)

    def _is_current(self, view: CatalogView) -> bool:
        """Whether the metric would be learned from the same executions now."""
        rows = np.flatnonzero(view["version"] >= self._window_start)
        versions = view["version"][rows[view["alive"][rows]]]
        if watermark(int(versions.max(initial=0))) != self._watermark:
            return False
        return np.array_equal(np.sort(versions[versions <= self._watermark]), self._window)

    def _learned(self, view: CatalogView, vectors: NDArray[np.float32], noise: float) -> Metric:
        versions = np.where(view["alive"], view["version"], 0)
        highest = watermark(int(versions.max(initial=0)))
        rows = np.flatnonzero((versions > 0) & (versions <= highest))
        rows = rows[np.argsort(-versions[rows])][:WINDOW]
        start = int(versions[rows[-1]]) if len(rows) == WINDOW else 1
        # A version may be newer than the vectors of this moment; the next call learns from it.
        rows = rows[vectors[rows].any(axis=1)]
        sample = rows[first_of_each(view["description_hash"][rows])]
        same = noise == self._noise and np.array_equal(versions[sample], self._sample)
        metric = self._metric if self._metric is not None and same else None
        if metric is None:
            metric = Metric.learned(vectors[sample], noise)
            self._versions[:] = 0
        self._noise, self._watermark, self._sample = noise, highest, versions[sample]
        self._window, self._window_start = np.sort(versions[rows]), start
        return metric

    def _norms_of(
        self,
        metric: Metric,
        view: CatalogView,
        vectors: NDArray[np.float32],
        rows: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        versions = view["version"][rows]  # before the vectors, which are set first
        self._norms = grown(self._norms, len(view))
        self._versions = grown(self._versions, len(view))
        new = np.flatnonzero(self._versions[rows] != versions)
        for start in range(0, len(new), _CHUNK):
            some = new[start : start + _CHUNK]
            norms = metric.norms(vectors[rows[some]])
            self._norms[rows[some]] = norms
            self._versions[rows[some]] = np.where(np.isfinite(norms), versions[some], 0)
        found = self._norms[rows]
        found[versions == 0] = np.inf
        return found
