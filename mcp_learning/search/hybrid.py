"""Plan, search, check against the truth, group, apply the floor.

`Retriever.search` is the one search of the product. It blocks, and runs in a worker thread with a
cursor of its own. Candidates come by meaning; the word index and its fusion have their place in
`_candidates`, and what matched is said per match (`matched_by`).
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution, Runs
from mcp_learning.search.exact import Matrix, Neighbours, merge
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex, remove
from mcp_learning.settings import SearchMode
from mcp_learning.store import embeddings, executions
from mcp_learning.store.duckdb import Cursor

logger = logging.getLogger(__name__)

Mode = Literal["exact", "hnsw"]

OVERFETCH = 4
"""Candidates per wanted match: room for runs of one task, and for rows that are gone."""


@dataclass(frozen=True)
class Ranked:
    """One relevant task: its most similar, then latest execution, and all its runs."""

    execution: Execution
    similarity: float
    matched_by: Literal["meaning", "words", "both"]
    runs: Runs


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        ranked: Best first, at most the limit.
        mode: How candidates were found.
        candidates: Executions that were eligible.
        below_floor: Tasks that would have filled the answer, but are not similar enough.
    """

    ranked: list[Ranked]
    mode: Mode
    candidates: int
    below_floor: int


@dataclass(frozen=True)
class Query:
    """What to search for.

    Attributes:
        vector: (dimension,) float32, L2-normalised.
        filters: Which executions may be returned.
        limit: Tasks wanted, at least 1.
        floor: Least cosine similarity, -1..1.
        now: The time that `filters.since_days` counts from.
    """

    vector: NDArray[np.float32]
    filters: Filters
    limit: int
    floor: float
    now: datetime


class Retriever:
    """The vector indexes of one database, and the search over them.

    Holds every vector in memory, or, once the HNSW index is in use, those newer than the index.
    """

    def __init__(
        self, directory: Path, mode: SearchMode, hnsw_min_rows: int, ef_search: int
    ) -> None:
        self.index: HnswIndex | None = None
        self.index_problem: str | None = None
        self._path = directory / FILE_NAME
        self._mode = mode
        self._hnsw_min_rows = hnsw_min_rows
        self._ef_search = ef_search
        self._matrix = Matrix(0)
        self._rows = 0
        self._lock = threading.Lock()

    @property
    def mode(self) -> Mode:
        """How the next search finds its candidates."""
        large = self._rows >= self._hnsw_min_rows
        wanted = self._mode == "hnsw" or (self._mode == "auto" and large)
        return "hnsw" if wanted and self.index is not None else "exact"

    def load(self, cursor: Cursor, fingerprint: str, dimension: int) -> None:
        """Opens the index if it fits the model, and reads the vectors that it lacks."""
        with self._lock:
            self._open_index(fingerprint)
            self._read_vectors(cursor, dimension)

    def replace_index(self, cursor: Cursor, built: Path, fingerprint: str) -> None:
        """Puts a newly built index in the place of the old one; searches wait for the moment."""
        with self._lock:
            self._close_index()
            built.replace(self._path)
            self._open_index(fingerprint)
            self._read_vectors(cursor, self._matrix.dimension)

    def discard_index(self, cursor: Cursor) -> None:
        """Deletes the index; exact search goes on."""
        with self._lock:
            self._close_index()
            remove(self._path)
            self._read_vectors(cursor, self._matrix.dimension)

    def add(self, versions: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Takes in newly stored vectors: (n,) versions, (n, dimension) float32."""
        self._matrix.append(versions, vectors)
        self._rows += len(versions)

    def close(self) -> None:
        """Closes the index file."""
        with self._lock:
            self._close_index()

    def search(self, cursor: Cursor, query: Query) -> Found:
        """The most similar tasks that pass the filters and the floor, best first.

        Filters never lose a match: an exact search scans just the rows that pass; an HNSW search
        falls back to such a scan when too few of its candidates pass.
        """
        if self.mode == "hnsw":
            try:
                return self._search_hnsw(cursor, query)
            except IndexUnavailable as problem:
                logger.warning("%s", problem)
                self.index_problem = str(problem)
                self.discard_index(cursor)
        return self._search_exact(cursor, query)

    def _search_exact(self, cursor: Cursor, query: Query) -> Found:
        matrix, allowed = self._matrix, None
        if query.filters.active:
            allowed = executions.eligible_versions(cursor, query.filters, query.now)
        eligible = len(matrix) if allowed is None else len(allowed)
        found, gone = _widen(
            cursor, query, lambda k: matrix.search(query.vector, k, allowed), "exact", eligible
        )
        if gone and allowed is None:
            matrix.discard(np.array(gone, np.int64))
        return found

    def _search_hnsw(self, cursor: Cursor, query: Query) -> Found:
        index, tail = self.index, self._matrix
        if index is None:
            raise IndexUnavailable("the HNSW index was just replaced")
        k = max(query.limit * OVERFETCH, 10)
        near = merge(index.search(query.vector, k), tail.search(query.vector, k), k)
        hits = executions.confirm(cursor, near.versions.tolist(), query.filters, query.now)
        found = _rank(cursor, query, near, hits, "hnsw", self._rows)
        if _is_complete(found, query, near, k):
            return found
        # Too few candidates passed: let the database scan exactly the rows that do.
        text, dimension = embeddings.as_text(query.vector), len(query.vector)

        def scan(k: int) -> Neighbours:
            rows = executions.nearest(cursor, text, dimension, k, query.filters, query.now)
            versions, similarities = zip(*rows, strict=True) if rows else ((), ())
            return Neighbours(np.array(versions, np.int64), np.array(similarities, np.float32))

        return _widen(cursor, query, scan, "hnsw", self._rows)[0]

    def _open_index(self, fingerprint: str) -> None:
        self._close_index()
        if not self._path.exists():
            return
        try:
            index = HnswIndex(self._path, self._ef_search)
        except IndexUnavailable as problem:
            logger.warning("%s; exact search goes on", problem)
            self.index_problem = str(problem)
            return
        if index.info.model != fingerprint:
            index.close()
            logger.warning("the HNSW index is of another embedding model; exact search goes on")
            self.index_problem = "the index is of another embedding model; run rebuild_index"
            return
        self.index, self.index_problem = index, None

    def _close_index(self) -> None:
        if self.index is not None:
            self.index.close()
            self.index = None

    def _read_vectors(self, cursor: Cursor, dimension: int) -> None:
        self._rows = embeddings.count(cursor)
        watermark = self.index.info.watermark if self.index and self.mode == "hnsw" else 0
        versions, vectors = embeddings.read(cursor, watermark)
        matrix = Matrix(dimension)
        matrix.append(versions, vectors)
        self._matrix = matrix


def _widen(
    cursor: Cursor,
    query: Query,
    candidates: Callable[[int], Neighbours],
    mode: Mode,
    eligible: int,
) -> tuple[Found, list[int]]:
    """Takes ever more candidates until the answer can't change; also returns those found gone."""
    k = query.limit * OVERFETCH
    while True:
        near = candidates(k)
        versions = near.versions.tolist()
        hits = executions.confirm(cursor, versions, query.filters, query.now)
        found = _rank(cursor, query, near, hits, mode, eligible)
        if _is_complete(found, query, near, k):
            return found, [version for version in versions if version not in hits]
        k *= OVERFETCH


def _is_complete(found: Found, query: Query, near: Neighbours, k: int) -> bool:
    """Whether more candidates could change the answer."""
    exhausted = len(near.versions) < k
    full = len(found.ranked) + found.below_floor >= query.limit
    rest_is_noise = not exhausted and near.similarities[-1] < query.floor
    return exhausted or full or bool(rest_is_noise)


def _rank(
    cursor: Cursor,
    query: Query,
    near: Neighbours,
    hits: dict[int, executions.Hit],
    mode: Mode,
    eligible: int,
) -> Found:
    tasks: dict[str, tuple[Execution, float]] = {}
    for version, similarity in zip(near.versions.tolist(), near.similarities.tolist(), strict=True):
        if (hit := hits.get(version)) is not None:
            tasks.setdefault(hit.task_key, (hit.execution, similarity))
    best = dict(list(tasks.items())[: query.limit])
    kept = {key: task for key, task in best.items() if task[1] >= query.floor}
    runs = executions.count_runs(cursor, kept, query.filters, query.now) if kept else {}
    ranked = [
        Ranked(execution, min(max(similarity, 0.0), 1.0), "meaning", _runs(*runs[key]))
        for key, (execution, similarity) in kept.items()
        if key in runs
    ]
    return Found(ranked, mode, eligible, len(best) - len(kept))


def _runs(success: int, failure: int, pending: int) -> Runs:
    return Runs(
        total=success + failure + pending, success=success, failure=failure, pending=pending
    )
