"""Plan, search, check against the truth, group, apply the floor.

`Retriever.search` is the one search of the product. It blocks, and runs in a worker thread with a
cursor of its own. Candidates come by meaning; the word index and its fusion have their place before
`_collect`, and what matched is said per match (`matched_by`).
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import Filters, Outcome
from mcp_learning.models.results import ExecutionSummary, Runs
from mcp_learning.search.exact import Matrix, Neighbours, merge
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex, IndexInfo, read_info, remove
from mcp_learning.search.summaries import Summaries
from mcp_learning.settings import SearchMode
from mcp_learning.store import embeddings, executions
from mcp_learning.store.duckdb import Cursor
from mcp_learning.store.embeddings import TaskRef

logger = logging.getLogger(__name__)

Mode = Literal["exact", "hnsw"]

ROUNDING = 1e-5
"""What a cosine of float32 vectors may be off by: the very same text has to pass a floor of 1."""

OVERFETCH = 4
"""Candidates per wanted match: room for runs of one task, and for rows that are gone."""


@dataclass(frozen=True)
class Ranked:
    """One relevant task: its most similar, then latest execution, and all its runs."""

    execution: ExecutionSummary
    similarity: float
    matched_by: Literal["meaning", "words", "both"]
    runs: Runs


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        ranked: Best first, at most the limit.
        mode: How candidates were found.
        candidates: Executions searched.
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


class _Candidate(NamedTuple):
    """An execution that the vectors say is similar."""

    version: int
    similarity: float
    ref: TaskRef


class Retriever:
    """The vector indexes of one database, and the search over them.

    Holds every vector in memory, or, once the HNSW index is in use, those newer than the index;
    and for every vector which execution and task it is of.
    """

    def __init__(
        self, directory: Path, mode: SearchMode, hnsw_min_rows: int, ef_search: int
    ) -> None:
        self.index: HnswIndex | None = None
        self.index_info: IndexInfo | None = None
        self.index_bytes = 0
        self.index_problem: str | None = None
        self._path = directory / FILE_NAME
        self._mode = mode
        self._hnsw_min_rows = hnsw_min_rows
        self._ef_search = ef_search
        self._matrix = Matrix(0)
        self._refs: dict[int, TaskRef] = {}
        self._summaries = Summaries()
        self._rows = 0
        self._lock = threading.Lock()

    @property
    def mode(self) -> Mode:
        """How the next search finds its candidates."""
        return "exact" if self.index is None else "hnsw"

    @property
    def wants_index(self) -> bool:
        """Whether searches are meant to use an HNSW index, by configuration and size."""
        large = self._rows >= self._hnsw_min_rows
        return self._mode == "hnsw" or (self._mode == "auto" and large)

    def load(self, cursor: Cursor, fingerprint: str, dimension: int) -> None:
        """Opens the index if it fits the model, and reads the vectors that it lacks."""
        with self._lock:
            self._rows = embeddings.count(cursor)
            self._open_index(fingerprint)
            self._read_vectors(cursor, dimension)
            self._summaries.load(cursor)

    def replace_index(self, cursor: Cursor, built: Path, fingerprint: str) -> None:
        """Puts a newly built index in the place of the old one; searches wait for the moment."""
        with self._lock:
            self._close_index()
            built.replace(self._path)
            self._open_index(fingerprint)
            self._read_vectors(cursor, self._matrix.dimension)

    def discard_index(self, cursor: Cursor, failed: HnswIndex | None = None) -> None:
        """Deletes the index, unless it is another than `failed`; exact search goes on."""
        with self._lock:
            if failed not in (None, self.index):
                return  # a search was still using the one that was just replaced
            self._close_index()
            remove(self._path)
            self._read_vectors(cursor, self._matrix.dimension)

    def add(self, refs: dict[int, TaskRef], vectors: NDArray[np.float32]) -> None:
        """Takes in n newly stored vectors: their tasks by version, and (n, dimension) float32."""
        with self._lock:
            # A search that discarded the index meanwhile may have read them already.
            fresh = [row for row, version in enumerate(refs) if version not in self._refs]
            self._matrix.append(np.fromiter(refs, np.int64, len(refs))[fresh], vectors[fresh])
            self._refs |= refs
            self._rows += len(fresh)

    def drop(self, task_ids: set[UUID]) -> None:
        """Lets go of deleted executions, their texts included."""
        self._forget({v for v, ref in list(self._refs.items()) if ref.task_id in task_ids})
        self._summaries.drop(task_ids)

    def close(self) -> None:
        """Closes the index file."""
        with self._lock:
            self._close_index()

    def search(self, cursor: Cursor, query: Query) -> Found:
        """The most similar tasks that pass the filters and the floor, best first.

        Filters never lose a match: an exact search scans just the rows that pass; an HNSW search
        falls back to such a scan when too few of its candidates pass.
        """
        while True:
            with self._lock:  # the matrix lacks what the index has, so they go together
                index, matrix = self.index, self._matrix
            if index is None:
                return self._search_exact(cursor, query, matrix)
            try:
                return self._search_hnsw(cursor, query, index, matrix)
            except IndexUnavailable as problem:
                self.discard_index(cursor, index)
                if self.index is None:
                    logger.warning("%s", problem)
                    self.index_problem = str(problem)

    def _search_exact(self, cursor: Cursor, query: Query, matrix: Matrix) -> Found:
        allowed = None
        if query.filters.active:
            allowed = executions.eligible_versions(cursor, query.filters, query.now)
        eligible = len(matrix) if allowed is None else len(allowed)

        def candidates(k: int) -> tuple[Neighbours, bool]:
            near = matrix.search(query.vector, k, allowed)
            return near, _is_last(near, k, query.floor)

        return self._collect(cursor, query, candidates, "exact", eligible)

    def _search_hnsw(self, cursor: Cursor, query: Query, index: HnswIndex, tail: Matrix) -> Found:
        first = max(query.limit * OVERFETCH, 10)
        near = merge(index.search(query.vector, first), tail.search(query.vector, first), first)
        is_last = _is_last(near, first, query.floor)
        if query.filters.active:
            passing = executions.passing(cursor, near.versions.tolist(), query.filters, query.now)
            near = near.only(passing)
        text, dimension = embeddings.as_text(query.vector), len(query.vector)

        def candidates(k: int) -> tuple[Neighbours, bool]:
            if k <= first:
                return near, is_last
            # Too few of the index's candidates passed: scan exactly the rows that do.
            rows = executions.nearest(cursor, text, dimension, k, query.filters, query.now)
            versions, similarities = zip(*rows, strict=True) if rows else ((), ())
            scanned = Neighbours(np.array(versions, np.int64), np.array(similarities, np.float32))
            return scanned, _is_last(scanned, k, query.floor)

        return self._collect(cursor, query, candidates, "hnsw", self._rows)

    def _collect(
        self,
        cursor: Cursor,
        query: Query,
        candidates: Callable[[int], tuple[Neighbours, bool]],
        mode: Mode,
        eligible: int,
    ) -> Found:
        """Takes ever more candidates until enough different tasks are confirmed by the truth.

        `candidates` gives the k best, and whether more would change nothing.
        """
        k, gone = query.limit * OVERFETCH, set[int]()
        near, is_last = candidates(k)
        while True:
            best = self._tasks_among(near, gone)[: query.limit]
            if len(best) < query.limit and not is_last:
                k *= OVERFETCH
                near, is_last = candidates(k)
                continue
            keys = [task.ref.task_key for task in best]
            runs = executions.runs_of(cursor, keys, query.filters, query.now)
            # An execution that the truth no longer has, or has under another text, is not found.
            true = {(run.task_id, run.task_key): run for run in runs}
            lost = {task.version for task in best if task.ref not in true}
            if not lost:
                break
            gone |= lost
        if gone and not query.filters.active:
            self._forget(gone)
        kept = [task for task in best if task.similarity >= query.floor - ROUNDING]
        summaries = self._summaries.of(cursor, [true[task.ref] for task in kept])
        outcomes = Counter((run.task_key, run.outcome) for run in runs)
        ranked = [
            Ranked(
                execution=summaries[task.ref.task_id],
                similarity=min(max(task.similarity, 0.0), 1.0),
                matched_by="meaning",
                runs=_runs(task.ref.task_key, outcomes),
            )
            for task in kept
            if task.ref.task_id in summaries
        ]
        return Found(ranked, mode, eligible, len(best) - len(kept))

    def _tasks_among(self, near: Neighbours, gone: set[int]) -> list[_Candidate]:
        """The most similar execution of each task, best first."""
        tasks: dict[int, _Candidate] = {}
        pairs = zip(near.versions.tolist(), near.similarities.tolist(), strict=True)
        for version, similarity in pairs:
            ref = self._refs.get(version)
            if ref is not None and version not in gone:
                tasks.setdefault(ref.task_key, _Candidate(version, similarity, ref))
        return list(tasks.values())

    def _forget(self, versions: set[int]) -> None:
        self._matrix.discard(np.fromiter(versions, np.int64, len(versions)))
        with self._lock:
            known = [version for version in versions if self._refs.pop(version, None)]
            self._rows -= len(known)

    def _open_index(self, fingerprint: str) -> None:
        self._close_index()
        if not self._path.exists():
            return
        try:
            info = read_info(self._path)
            if info.model != fingerprint:
                raise IndexUnavailable("the index is of another embedding model; run rebuild_index")
            if self.wants_index:  # opened only to be used: at 10,000 rows it takes 50 MB
                self.index = HnswIndex(self._path, self._ef_search)
        except IndexUnavailable as problem:
            logger.warning("%s; exact search goes on", problem)
            self.index_problem = str(problem)
        else:
            self.index_info, self.index_problem = info, None
            self.index_bytes = self._path.stat().st_size

    def _close_index(self) -> None:
        if self.index is not None:
            self.index.close()
        self.index, self.index_info, self.index_bytes = None, None, 0

    def _read_vectors(self, cursor: Cursor, dimension: int) -> None:
        watermark = self.index.info.watermark if self.index else 0
        versions, vectors = embeddings.read(cursor, watermark)
        matrix = Matrix(dimension)
        matrix.append(versions, vectors)
        self._refs = embeddings.refs(cursor)
        self._matrix = matrix


def _is_last(near: Neighbours, k: int, floor: float) -> bool:
    """Whether nothing relevant can come after the k best."""
    return len(near.versions) < k or bool(near.similarities[-1] < floor - ROUNDING)


def _runs(task_key: int, outcomes: Counter[tuple[int, Outcome]]) -> Runs:
    success, failure, pending = (outcomes[task_key, o] for o in ("success", "failure", "pending"))
    return Runs(
        total=success + failure + pending, success=success, failure=failure, pending=pending
    )
