"""The rows at one moment, and which of them pass the filters of a search."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.catalog import OUTCOMES, Catalog, CatalogView
from mcp_learning.search.errors import ErrorForms
from mcp_learning.search.exact import cosines
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.search.metric import Metric
from mcp_learning.search.metric_cache import MetricCache
from mcp_learning.search.passages import PassagesView
from mcp_learning.search.pca_bounds import PcaBoundsView


@dataclass(frozen=True)
class Snapshot:
    """What one search works on.

    Attributes:
        view: The columns of n rows.
        vectors: (n, dimension) float32; zero without an embedding.
        bounds: Upper bounds of cosines; None if there are too few rows, or too many.
        passages: Vectors of further passages; None if there are none.
        words: The word index, which may have a few rows more or fewer.
        passing: (n,) bool: living rows that pass the filters; None: all do.
    """

    view: CatalogView
    vectors: NDArray[np.float32]
    bounds: PcaBoundsView | None
    passages: PassagesView | None
    words: WordIndex
    passing: NDArray[np.bool_] | None
    _catalog: Catalog
    _row_of_version: NDArray[np.int32]
    _errors: ErrorForms
    _metric: MetricCache
    _lock: threading.RLock

    @property
    def eligible(self) -> int:
        """Number of rows that pass the filters."""
        return len(self.view) if self.passing is None else int(self.passing.sum())

    def passes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the rows that pass the filters; numbers out of range are left out."""
        rows = rows[(rows >= 0) & (rows < len(self.view))]
        return rows if self.passing is None else rows[self.passing[rows]]

    def cosines(
        self, vector: NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Cosines of rows with a vector, -1..1: the greatest over their passages.

        Args:
            vector: (dimension,) float32, L2-normalised.
            rows: (k,) rows; None: all n.
        """
        found = cosines(self.vectors, vector, rows)
        if self.passages is not None:
            self.passages.raise_cosines(found, vector, rows)
        return found

    def cosine_bounds(self, vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """(n,) float32 upper bounds of `cosines`; None if there are none."""
        if self.bounds is None:
            return None
        found = self.bounds.bounds(vector)
        if self.passages is not None:
            self.passages.raise_bounds(found, vector)
        return found

    def best_passage(self, row: int, vector: NDArray[np.float32]) -> int:
        """Number of a row's passage that is nearest to a vector; 0 is the first."""
        if self.passages is None:
            return 0
        _, places = self.passages.of(np.array([row]))
        if not len(places):
            return 0
        found = np.vecdot(self.passages.vectors[places], vector)
        best = int(found.argmax())
        nearer = found[best] > np.vecdot(self.vectors[row], vector)
        return int(self.passages.numbers[places[best]]) if nearer else 0

    def passages_of(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The vectors of all passages of m rows.

        Returns:
            (m,) offset of each row's vectors, and (k, dimension) float32 vectors.
        """
        owners, vectors = np.arange(len(rows)), self.vectors[rows]
        if self.passages is None:
            return owners, vectors
        at, places = self.passages.of(rows)
        if not len(places):
            return owners, vectors
        order = np.argsort(np.concatenate([owners, at]), kind="stable")
        vectors = np.concatenate([vectors, self.passages.vectors[places]])[order]
        return np.flatnonzero(order < len(rows)), vectors

    def count_vectors(self, rows: NDArray[np.int64]) -> int:
        """Number of vectors of embedded rows, including those of further passages."""
        return len(rows) + (0 if self.passages is None else len(self.passages.of(rows)[1]))

    def rows_of_task(self, task_key: int) -> NDArray[np.int64]:
        """The rows of a task's runs that pass the filters, ascending."""
        rows = self.runs(task_key)
        return rows if self.passing is None else rows[self.passing[rows]]

    def fix_of(self, row: int) -> int | None:
        """The latest success with a solution after a failure, of the same task and repository.

        It needn't pass the filters.
        """
        rows = self.runs(int(self.view["task_key"][row]))
        fits = self.view["alive"][rows] & self.view["has_solution"][rows]
        fits &= self.view["outcome"][rows] == OUTCOMES.index("success")
        repo = int(self.view["repo"][row])
        fits &= np.isin(self.view["repo"][rows], [repo, *self.same_repository(repo)])
        fits &= self.view["timestamp"][rows] >= self.view["timestamp"][row]
        fixes = rows[fits]
        return int(fixes[self.view["timestamp"][fixes].argmax()]) if len(fixes) else None

    def with_error(self, question: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(m,) rows whose error the question quotes, ascending, and (m,) overlaps, 0..1."""
        with self._lock:
            codes, overlaps = self._errors.quoted_by(question)
        if not len(codes):
            return np.empty(0, np.int64), overlaps
        rows = np.flatnonzero(np.isin(self.view["error_text"], codes))
        return rows, overlaps[np.searchsorted(codes, self.view["error_text"][rows])]

    def runs(self, task_key: int) -> NDArray[np.int64]:
        """The rows of a task's runs, ascending, including dead ones."""
        with self._lock:
            rows = self._catalog.rows_of_task(task_key)
        if len(rows) and rows[-1] >= len(self.view):  # recorded since
            rows = rows[rows < len(self.view)]
        return rows

    def absent(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that have no living row."""
        with self._lock:
            rows = self._catalog.rows_of(task_ids)
        return [one for one, row in zip(task_ids, rows.tolist(), strict=True) if row < 0]

    def labels(self, name: str) -> list[str]:
        """The values of a label by their code in the view; code 0 is no value."""
        with self._lock:
            return self._catalog.labels(name)

    def same_repository(self, code: int) -> list[int]:
        """As `Catalog.same_repository`."""
        with self._lock:
            return self._catalog.same_repository(code)

    def rows_of_versions(self, versions: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) the row of each embedding version; -1 where there is none."""
        return rows_of_versions(self._row_of_version, versions)

    def vectors_of_versions(
        self, versions: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """(n,) bool, which versions exist, and the (m, dimension) vectors of these."""
        rows = self.rows_of_versions(versions)
        used = (rows >= 0) & (rows < len(self.view))
        rows, versions = rows[used], versions[used]
        found = self.vectors[rows]
        if self.passages is not None:
            at, places = self.passages.of(rows)
            same = self.passages.versions[places] == versions[at]
            found[at[same]] = self.passages.vectors[places[same]]
        return used, found

    def rows_after(self, watermark: int) -> NDArray[np.int64]:
        """The rows with a higher embedding version that pass the filters, ascending."""
        rows = np.unique(self._row_of_version[watermark + 1 :].astype(np.int64) - 1)
        rows = self.passes(rows)
        return rows[self.view["version"][rows] > watermark]

    def metric(
        self, rows: NDArray[np.int64] | None, noise: float
    ) -> tuple[Metric, NDArray[np.float32]]:
        """The learned metric, and (m,) norms of the vectors of m rows.

        Args:
            rows: (m,) rows whose norms are wanted; None: all n.
            noise: `Embedder.floor` of the model.
        """
        return self._metric.of(self.view, self.vectors, rows, noise)

    def coverage(self, scored: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32 coverage of this snapshot's rows; 0 for rows that the word index lacks."""
        if len(scored) >= len(self.view):
            return scored[: len(self.view)]
        return np.concatenate([scored, np.zeros(len(self.view) - len(scored), np.float32)])


def rows_of_versions(known: NDArray[np.int32], versions: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) the row of each embedding version; -1 if there is none.

    Args:
        known: Row plus 1 by version; 0: none.
        versions: (n,) any numbers.
    """
    inside = (versions >= 0) & (versions < len(known))
    return np.where(inside, known[np.where(inside, versions, 0)], 0).astype(np.int64) - 1
