"""Caches the metric of one database and the norms of its vectors."""

import threading

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown
from mcp_learning.search.catalog import CatalogView
from mcp_learning.search.metric import WINDOW, Metric, first_of_each, watermark

_CHUNK = 16_384


class MetricCache:
    """Learns the metric again when the executions that it is learned from have changed.

    Invariant: the metric is a function of the stored executions alone, so that it is the same after
    a restart and on other hosts with the same executions. It is learned from the window: the living
    rows with a vector in the order of recording, the last `WINDOW` of the first `watermark`.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._metric: Metric | None = None
        self._noise = 0.0
        self._window = np.zeros(0, np.int64)  # versions, latest recording first
        self._revision = -1  # of the rows when the window was determined
        self._sample = np.zeros(0, np.int64)  # versions of the window's different tasks
        self._norms = np.zeros(0, np.float32)
        self._versions = np.zeros(0, np.int64)  # of the vectors that the norms are of; 0: none

    def of(
        self,
        view: CatalogView,
        vectors: NDArray[np.float32],
        rows: NDArray[np.int64] | None,
        noise: float,
    ) -> tuple[Metric, NDArray[np.float32]]:
        """The metric, and (m,) float32 norms of the vectors of m rows; infinite without a vector.

        A call that learns the metric takes up to 0.2 s longer.

        Args:
            view: n rows.
            vectors: (n, dimension) float32, of these rows; zero without an embedding.
            rows: (m,) rows whose norms are wanted; None: all n.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        with self._lock:
            if self._metric is None or noise != self._noise or view.revision != self._revision:
                window = window_of(view)
                same = np.array_equal(view["version"][window], self._window)
                if self._metric is None or noise != self._noise or not same:
                    self._metric = self._learned(view, vectors, window, noise)
                embedded = len(window) == len(self._window)
                self._revision = view.revision if embedded else -1
            return self._metric, self._norms_of(self._metric, view, vectors, rows)

    def _learned(
        self,
        view: CatalogView,
        vectors: NDArray[np.float32],
        window: NDArray[np.int64],
        noise: float,
    ) -> Metric:
        versions = view["version"]
        # A version may be newer than `vectors`; the next call learns from it.
        window = window[vectors[window].any(axis=1)]
        sample = window[first_of_each(view["description_hash"][window])]
        same = noise == self._noise and np.array_equal(versions[sample], self._sample)
        metric = self._metric if self._metric is not None and same else None
        if metric is None:
            metric = Metric.learned(vectors[sample], noise)
            self._versions[:] = 0
        self._noise, self._sample, self._window = noise, versions[sample], versions[window]
        return metric

    def _norms_of(
        self,
        metric: Metric,
        view: CatalogView,
        vectors: NDArray[np.float32],
        rows: NDArray[np.int64] | None,
    ) -> NDArray[np.float32]:
        chosen = slice(len(view)) if rows is None else rows
        versions = view["version"][chosen].copy()  # before the vectors, which are set first
        self._norms = grown(self._norms, len(view))
        self._versions = grown(self._versions, len(view))
        new = np.flatnonzero(self._versions[chosen] != versions)
        for start in range(0, len(new), _CHUNK):
            some = new[start : start + _CHUNK]
            at = some if rows is None else rows[some]
            norms = metric.norms(vectors[at])
            self._norms[at] = norms
            self._versions[at] = np.where(np.isfinite(norms), versions[some], 0)
        found = self._norms[chosen].copy()
        found[versions == 0] = np.inf
        return found


def window_of(view: CatalogView, most: int = WINDOW) -> NDArray[np.int64]:
    """(m,) rows that the metric is learned from, the latest recorded first.

    Args:
        view: n rows.
        most: Most rows: the latest up to the watermark.
    """
    rows = np.flatnonzero(view["alive"] & (view["version"] > 0))
    end = watermark(len(rows))
    if not end:
        return rows[:0]
    start = max(end - most, 0)
    times = view["timestamp"][rows]
    bounds = np.partition(times, (start, end - 1))
    before = int((times < bounds[start]).sum())
    rows = rows[(times >= bounds[start]) & (times <= bounds[end - 1])]
    order = np.lexsort((view["low"][rows], view["high"][rows], view["timestamp"][rows]))
    return np.asarray(rows[order[start - before : end - before]][::-1])
