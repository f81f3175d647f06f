"""Searches the rows: selects candidates, scores them, groups runs by task, drops irrelevant ones.

`Retriever.search` is the only search of the product. It works on memory and the index file, blocks,
and runs in worker threads. The service passes it the rows of the store and later changes, and reads
the texts of what it finds.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.identifiers import description_hash
from mcp_learning.models.requests import Filters, WantedMode
from mcp_learning.search import candidates, groups, relevance, scan
from mcp_learning.search.arrays import top_k
from mcp_learning.search.found import Found, Mode, Neighbours, Ranked, Related
from mcp_learning.search.hnsw import HnswIndex, IndexInfo
from mcp_learning.search.index_manager import MAX_UNINDEXED, IndexManager
from mcp_learning.search.lexical.terms import TokenisedQuery
from mcp_learning.search.related import related
from mcp_learning.search.row_table import UPKEEP, RowTable, Upkeep
from mcp_learning.search.scorer import ROUNDING, MatchedBy, Query, Scorer
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.search.summaries import Summaries
from mcp_learning.search.supersession import KnownLater, Supersession
from mcp_learning.settings import SearchMode
from mcp_learning.store.types import Changes, Shown

logger = logging.getLogger(__name__)

FEW_PASSING = 50_000
"""If at most so many rows pass the filters, all of them are compared, in 20 ms. The index would
have to return many rows that don't pass."""

MIN_INDEXED = 1_000
"""Least number of rows for which an index is built, and of newer rows for which it is rebuilt,
automatically."""

CANDIDATES = 50
"""Least number of candidates from each of the lexical and the vector index. At a million rows,
99.3 % of the tasks found are those of an exact search; with 100 candidates, 99.7 %."""

MAX_FAILURES = 2
"""Number of indexes that fail in searches after which none is built automatically."""

PER_TASK = 10
"""Candidates per wanted task, since several runs of a task make one match."""

_PROBES = 5


class Retriever:
    """The indexes of one store, and the search over them. Safe to use from several threads.

    Args:
        directory: Directory of derived files.
        mode: `auto` uses the HNSW index from `hnsw_min_rows` on, where it is faster.
        hnsw_min_rows: Number of rows, at least 0.
        ef_search: Candidates that an HNSW search keeps.
        min_indexed: See `MIN_INDEXED`.
        few_passing: See `FEW_PASSING`.
        upkeep: Thresholds of `RowTable.compact`.
        clock: Gives seconds, to compare the speed of searches in mode `auto`.
    """

    def __init__(
        self,
        directory: Path,
        mode: SearchMode,
        hnsw_min_rows: int,
        ef_search: int,
        *,
        min_indexed: int = MIN_INDEXED,
        few_passing: int = FEW_PASSING,
        upkeep: Upkeep = UPKEEP,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.upkeep = upkeep
        self.rows = RowTable(directory, 0, upkeep=upkeep)
        self.summaries = Summaries()
        self.index_manager = IndexManager(directory, ef_search)
        self._later = KnownLater()
        self._mode = mode
        self._hnsw_min_rows = hnsw_min_rows
        self._min_indexed = min_indexed
        self._few_passing = few_passing
        self._clock = clock
        self._slower = False  # as measured by `_compare_speeds`

    @property
    def mode(self) -> Mode:
        """How the next search finds its candidates."""
        return "exact" if self._index() is None else "hnsw"

    @property
    def wants_index(self) -> bool:
        """Whether searches are meant to use an HNSW index, by configuration and size."""
        large = len(self.rows) >= self._hnsw_min_rows
        return self._mode == "hnsw" or (self._mode == "auto" and large)

    @property
    def stale(self) -> bool:
        """Whether searches are meant to use an index, and it is missing or outdated."""
        state = self.index_manager.state
        if not self.wants_index or not len(self.rows):
            return False
        if self.index_manager.failures >= MAX_FAILURES:
            return False  # a new one would fail as well, for example for lack of memory
        if state.info is None:
            return state.problem is not None or len(self.rows) >= self._min_indexed
        newer = self.newer_than(state.info)
        gone = state.info.rows - (self.rows.vectors - newer)
        return max(newer, gone) > max(MAX_UNINDEXED * state.info.rows, self._min_indexed)

    def newer_than(self, info: IndexInfo) -> int:
        """Number of vectors that are newer than an index."""
        snapshot = self.rows.snapshot(Filters(), datetime.now(UTC))
        return snapshot.count_vectors(snapshot.rows_after(info.watermark))

    def use(self, rows: RowTable, fingerprint: str, *, vectors: bool = True) -> None:
        """Searches these rows from now on, and opens the index if it is of this model.

        Args:
            rows: Rows just read from the store.
            fingerprint: Fingerprint of the model.
            vectors: False if the store's vectors are of another model, so that the rows have none.
        """
        known = self.rows.fetched
        rows.mark_fetched(known.ids, known.total)
        rows.set_frequencies(known.frequencies, known.total)
        self.rows = rows
        self.summaries.clear()  # in another database, other executions have these change numbers
        wanted = self.wants_index and vectors
        self.index_manager.open(fingerprint, self._stored_vectors, wanted=wanted)
        self._compare_speeds()
        rows.release()

    def apply(self, changes: Changes, texts: Iterable[Shown] = ()) -> None:
        """Applies what changed in the store since the rows were read.

        Args:
            changes: All changes.
            texts: Texts of some of the changed executions, to be cached.
        """
        self.rows.apply(changes)
        halves = changes.deleted.tolist()
        self.summaries.drop(UUID(int=high << 64 | low) for high, low in halves)
        self.summaries.keep(texts)

    def open_index(self, fingerprint: str, *, wanted: bool = False) -> None:
        """Opens the index if it is `wanted`, or if there are so many rows that searches use it."""
        if (
            (wanted or self.wants_index)
            and self.index_manager.index is None
            and self.index_manager.state.info is not None
        ):
            self.index_manager.open(fingerprint, self._stored_vectors, wanted=True)
            self._compare_speeds()

    def warm(self, noise: float) -> None:
        """Learns the metric before the first recommendation needs it.

        Args:
            noise: `Embedder.floor` of the model.
        """
        snapshot = self.rows.snapshot(Filters(), datetime.now(UTC))
        snapshot.metric(np.empty(0, np.int64) if self.wants_index else None, noise)

    def replace_index(self, built: Path, expected: IndexInfo) -> None:
        """Replaces the index by a new one, after verifying that.

        Args:
            built: The new file; it is moved.
            expected: What it was to be built from.

        Raises:
            IndexUnavailable: The new index isn't as expected; the old one stays.
        """
        self.index_manager.replace(built, expected, self._stored_vectors, wanted=self.wants_index)
        self._compare_speeds()

    def close(self) -> None:
        """Closes the index file."""
        self.index_manager.close()

    def nearest(self, vector: NDArray[np.float32], k: int) -> Neighbours:
        """The k nearest rows by their vectors, in the mode that searches use.

        Args:
            vector: (dimension,) float32, L2-normalised.
            k: Number of rows, at least 1.
        """
        snapshot = self.rows.snapshot(Filters(), datetime.now(UTC))
        index = self._index()
        if index is None:
            rows = snapshot.passes(np.arange(len(snapshot.view)))
            found = snapshot.cosines(vector)[rows]
        else:
            rows = candidates.near(snapshot, index, vector, k)
            found = snapshot.cosines(vector, rows)
        best = top_k(found, k)
        return Neighbours(snapshot.view["version"][rows[best]], found[best])

    def related(self, query: Query) -> Related:
        """Executions similar to the query or to its kind of work; see `related`."""
        index = self._index()
        try:
            return self._related(query, index)
        except IndexUnavailable as problem:
            if index is None:
                raise
            self.index_manager.discard(index, problem)
            return self._related(query, None)

    def _related(self, query: Query, index: HnswIndex | None) -> Related:
        snapshot = self.rows.snapshot(query.filters, query.now)
        if index is None or query.vector is None:
            return related(snapshot, query)
        found = related(
            snapshot,
            query,
            lambda scorer: candidates.of_indexes(snapshot, scorer, query, index, query.limit),
        )
        self.rows.release()
        return found

    def search(self, query: Query) -> Found:
        """The most similar tasks that pass the filters and the floor, best first.

        It reflects all changes applied before. Filters are applied to all rows before ranking, so
        they never lose a match.

        Raises:
            IndexUnavailable: The query wants the HNSW index, and there is none.
        """
        while True:
            index = self._index(query.mode)
            try:
                return self._search(query, index)
            except IndexUnavailable as problem:
                if index is None:
                    raise
                self.index_manager.discard(index, problem)

    def _search(self, query: Query, index: HnswIndex | None) -> Found:
        snapshot = self.rows.snapshot(query.filters, query.now)
        words = snapshot.words.score(TokenisedQuery.of(query.text))
        scorer = Scorer(snapshot, query, words)
        floor = (scorer.least_similarity if query.floor is None else query.floor) - ROUNDING
        few = query.filters.active and snapshot.eligible <= self._few_passing
        few = few and query.mode != "hnsw"
        mode: Mode = "exact"
        if index is None or query.vector is None or few or not snapshot.eligible:
            best = scan.best_of_all(snapshot, scorer, query.limit, floor)
        else:
            mode = "hnsw"
            best = self._best_of_candidates(snapshot, scorer, query, index, floor)
        tasks = {key: similarity for key, similarity in best.items() if similarity >= floor}
        rows = [snapshot.rows_of_task(key) for key in tasks]
        relevances = scorer.relevances(rows)
        chosen: Sequence[int] = range(len(relevances))
        if query.floor is None:
            chosen = relevance.shown(relevances, query.limit)
        asked = (description_hash(query.text), scorer.with_error)
        kept = groups.represent(snapshot, [rows[at] for at in chosen], scorer.similarities, *asked)
        matched = scorer.matched_by([group.row for group in kept])
        values = list(tasks.values())
        ranked = [
            _ranked(snapshot, query, group, values[at], by, relevances[at])
            for at, group, by in zip(chosen, kept, matched, strict=True)
        ]
        full = len(kept) == query.limit
        shown = sum(group.runs.total for group in kept)
        below_floor = 0 if full else snapshot.eligible - shown
        return Found(ranked, mode, snapshot.eligible, below_floor, scorer)

    def latest_first(self, query: Query, found: Found, texts: Mapping[int, Shown]) -> Found:
        """The result with later tasks before those that they supersede (`supersession`).

        Args:
            query: The query of the search.
            found: The result of `search`.
            texts: Texts of the matches, by change number.
        """
        scorer = found.scorer
        return Supersession(scorer.snapshot, self._later).latest_first(
            found, texts, query.limit, lambda row: _described(query, scorer, row)
        )

    def _best_of_candidates(
        self, snapshot: Snapshot, scorer: Scorer, query: Query, index: HnswIndex, floor: float
    ) -> dict[int, float]:
        """Ranks the candidates of both indexes; compares all rows if that gives too few tasks."""
        assert query.vector is not None
        wanted = max(CANDIDATES, PER_TASK * query.limit)
        rows = candidates.of_indexes(snapshot, scorer, query, index, wanted)
        best = groups.best(snapshot, rows, scorer.similarities(rows), query.limit)
        self.rows.release()
        if len(best) == query.limit:
            return best
        return scan.best_of_all(snapshot, scorer, query.limit, floor)

    def _index(self, mode: WantedMode = "configured") -> HnswIndex | None:
        index = self.index_manager.index
        if mode == "hnsw":
            if index is None:
                raise IndexUnavailable("there is no HNSW index; rebuild-index builds one")
            return index
        used = mode == "configured" and self.wants_index and not self._slower
        return index if used else None

    def _compare_speeds(self) -> None:
        """In mode `auto`, measures whether the index is faster than comparing all rows."""
        self._slower = False
        index = self.index_manager.index
        if self._mode != "auto" or index is None:
            return
        snapshot = self.rows.snapshot(Filters(), datetime.now(UTC))
        seconds: list[list[float]] = [[], []]
        embedded = np.flatnonzero(snapshot.view["version"])
        if not len(embedded):
            return
        for vector in snapshot.vectors[embedded[:: max(1, len(embedded) // _PROBES)][:_PROBES]]:
            started = self._clock()
            candidates.near(snapshot, index, vector, CANDIDATES)
            between = self._clock()
            snapshot.cosines(vector)
            seconds[0].append(between - started)
            seconds[1].append(self._clock() - between)
        near, all_rows = (float(np.median(one)) for one in seconds)
        self._slower = near > all_rows
        if not self._slower:
            self.rows.release()
        logger.info(
            "of %d rows, the index finds the nearest in %.1f ms, comparing all in %.1f ms",
            *(len(snapshot.view), 1000 * near, 1000 * all_rows),
        )

    def _stored_vectors(
        self, versions: NDArray[np.int64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        return self.rows.snapshot(Filters(), datetime.now(UTC)).vectors_of_versions(versions)


def _described(query: Query, scorer: Scorer, row: int) -> Ranked | None:
    """Makes a match of a row; None if the filters or the floor exclude it."""
    snapshot = scorer.snapshot
    rows = snapshot.rows_of_task(int(snapshot.view["task_key"][row]))
    if row not in rows:
        return None
    similarity = float(scorer.similarities(rows).max())
    if query.floor is not None and similarity < query.floor - ROUNDING:
        return None
    asked = (description_hash(query.text), scorer.with_error)
    (group,) = groups.represent(snapshot, [rows], scorer.similarities, *asked)
    (by,), (value,) = scorer.matched_by([group.row]), scorer.relevances([rows])
    return _ranked(snapshot, query, group, similarity, by, value)


def _ranked(
    snapshot: Snapshot,
    query: Query,
    group: groups.TaskRuns,
    similarity: float,
    by: MatchedBy,
    value: float,
) -> Ranked:
    view, vector = snapshot.view, query.vector
    return Ranked(
        task_id=view.task_id(group.row),
        sequence=int(view["sequence"][group.row]),
        similarity=similarity,
        confidence=relevance.confidence(value),
        matched_by=by,
        runs=group.runs,
        passage=None if vector is None else snapshot.best_passage(group.row, vector),
        fix=None if group.fix is None else int(view["sequence"][group.fix]),
        fix_task_id=None if group.fix is None else view.task_id(group.fix),
        row=group.row,
    )
