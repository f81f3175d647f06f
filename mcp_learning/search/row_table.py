"""The rows of a store in memory: their columns, vectors and words.

A table is filled from a store once and then follows its changes with `apply`. It doesn't read the
store itself: the caller passes what it has read. Texts are tokenised later, in batches; until then
a row is found by its vector alone.

Invariants, under the lock:
- Catalog, matrix and word index use the same row numbers; the word index may lack the last rows.
- The vector of a row is the one that the store has under the row's `version`. Vectors of further
  passages are in a separate matrix, with versions of their own.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.identifiers import description_hash
from mcp_learning.models.requests import Filters
from mcp_learning.search.arrays import grown
from mcp_learning.search.catalog import Catalog
from mcp_learning.search.errors import ErrorForms
from mcp_learning.search.exact import MIN_ROWS_FOR_BOUNDS, VectorMatrix
from mcp_learning.search.fetched_rows import FetchedRows
from mcp_learning.search.lexical import word_file
from mcp_learning.search.lexical.terms import count_each
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.search.metric_cache import MetricCache
from mcp_learning.search.passages import MIN_BOUNDED, Passages
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.store.types import Changes, Columns, IndexedTexts, Unembedded
from mcp_learning.store.vectors import TakeVectors

logger = logging.getLogger(__name__)

TEXTS_CHUNK = 512
"""Executions tokenised at a time, in about 50 ms."""

_UNPURGED = 500
"""Most dead rows in the word index; they cost 10 µs per term of a query."""


class Upkeep(NamedTuple):
    """Numbers of rows above which `RowTable.compact` acts.

    Attributes:
        min_unsaved: Rows missing in the word file, which is then saved again. Tokenising them at
            the next start would take 0.1 s.
        min_dead: Dead rows, which are then removed if they outnumber the living ones.
        min_bounded: Rows, which then get bounds; see `exact.MIN_ROWS_FOR_BOUNDS`.
    """

    min_unsaved: int = 1_000
    min_dead: int = 1_024
    min_bounded: int = MIN_ROWS_FOR_BOUNDS


UPKEEP = Upkeep()


class Untokenised(NamedTuple):
    """The next rows to tokenise; the caller reads their texts and calls `RowTable.add_texts`.

    Attributes:
        first: Number of the first row.
        hashes: Text hashes of the living rows, by change number.
        text_hashes: Text hashes of all rows, in order.
    """

    first: int
    hashes: dict[int, int]
    text_hashes: list[int]


class RowTable:
    """The rows of one store. Safe to use from several threads.

    Args:
        directory: Directory of derived files; None: all data stays in memory, nothing is saved.
        dimension: Length of the vectors.
        rows: The store's executions; None: none.
        upkeep: Thresholds of `compact`.
    """

    def __init__(
        self,
        directory: Path | None,
        dimension: int,
        rows: Columns | None = None,
        upkeep: Upkeep = UPKEEP,
    ) -> None:
        self._words_path = None if directory is None else directory / word_file.FILE_NAME
        self._lock = threading.RLock()
        self._adding = threading.Lock()  # held while words are added, saved or renumbered
        self._upkeep = upkeep
        self._catalog = Catalog()
        self._matrix = VectorMatrix(dimension, directory, min_bounded=upkeep.min_bounded)
        self._passages = Passages(dimension, directory, min(upkeep.min_bounded, MIN_BOUNDED))
        self._metric = MetricCache()
        self._words = WordIndex()
        self._errors = ErrorForms()
        self._saved = 0
        self._row_of_version = np.zeros(0, np.int32)
        self.fetched = FetchedRows()
        self.embedded = 0
        """Rows that have a vector."""
        if rows is not None:
            order = np.arange(len(rows))
            if self._words_path is not None:
                self._words, order = word_file.restore(self._words_path, rows.text_hash)
                self._saved = len(self._words)
            self._catalog.apply(rows.chosen(order))
            self._errors.follow(self._catalog.labels("error_text"))

    def __len__(self) -> int:
        return self._catalog.alive

    @property
    def vectors(self) -> int:
        """Vectors of living rows, those of further passages included."""
        with self._lock:
            return self.embedded + self._passages.alive(self._catalog.view()["alive"])

    @property
    def unembedded(self) -> int:
        """Rows that have no vector yet."""
        return self._catalog.alive - self.embedded

    def queue(self, limit: int, up_to: int) -> list[int]:
        """Change numbers of rows that have no vector yet, the oldest first.

        Args:
            limit: Most numbers to return.
            up_to: The highest change number that counts.
        """
        with self._lock:
            view = self._catalog.view()
            chosen = view["alive"] & (view["version"] == 0) & (view["sequence"] <= up_to)
            return sorted(view["sequence"][chosen].tolist())[:limit]

    @property
    def sequence(self) -> int:
        """The highest change number that was applied."""
        return self._catalog.sequence

    @property
    def untokenised(self) -> int:
        """Rows that aren't tokenised yet."""
        return len(self._catalog) - len(self._words)

    @property
    def word_bytes(self) -> int:
        """Size of the word index's file."""
        path = self._words_path
        return path.stat().st_size if path is not None and path.exists() else 0

    def vector_reader(self) -> TakeVectors:
        """The function to pass to `Store.vectors`; it adds the vectors to the rows.

        Vectors of executions that the table doesn't have under the given change number are left
        out; their rows, if any, count as unembedded.
        """
        with self._lock:
            numbers = self._catalog.view()["sequence"]
            order = np.argsort(numbers, kind="stable")
            ascending = numbers[order]
            self._matrix.view(len(numbers))  # room for all of them at once

        def take(
            some: NDArray[np.int64],
            versions: NDArray[np.int64],
            vectors: NDArray[np.float32],
            passages: NDArray[np.int64],
        ) -> None:
            if not len(ascending):
                return
            at = np.minimum(np.searchsorted(ascending, some), len(ascending) - 1)
            known = ascending[at] == some
            if not known.all():
                at, versions, vectors = at[known], versions[known], vectors[known]
                passages = passages[known]
            rows, further = order[at], passages > 0
            with self._lock:
                if further.any():
                    self._add_passages(
                        rows[further], passages[further], versions[further], vectors[further]
                    )
                    rows, versions, vectors = rows[~further], versions[~further], vectors[~further]
                self._place(rows, versions, vectors)
                self._catalog.set_versions(rows, versions)
                self._count_embedded()

        return take

    def apply(self, changes: Changes) -> None:
        """Applies changes of the store; applying the same ones again has no effect."""
        with self._lock:
            deleted = self._catalog.find(changes.deleted[:, 0], changes.deleted[:, 1])
            deleted = deleted[deleted >= 0]
            self._catalog.kill(deleted)
            self._words.discard(deleted)
            rows, replaced = self._catalog.apply(changes.rows)
            self.fetched.follow(self._catalog, changes)
            self._errors.follow(self._catalog.labels("error_text"))
            versions = self._catalog.view()["version"][rows]
            moved = versions > 0
            vectors = self._matrix.view(len(self._catalog))[replaced[moved]]
            self._place(rows[moved], versions[moved], vectors)
            self._locate(*self._passages.move(replaced[moved], rows[moved]))
            self._words.discard(replaced[replaced >= 0])
            self._count_embedded()

    def mark_fetched(self, task_ids: Iterable[int], total: int) -> None:
        """As `FetchedRows.add`."""
        with self._lock:
            self.fetched.add(self._catalog, task_ids, total)

    def set_frequencies(self, counted: Mapping[int, int], total: int) -> None:
        """As `FetchedRows.set_frequencies`."""
        with self._lock:
            self.fetched.set_frequencies(counted, total)

    def put(
        self,
        executions: Sequence[Unembedded],
        vectors: NDArray[np.float32],
        versions: Mapping[UUID, int],
        passages: Sequence[NDArray[np.float32]] = (),
    ) -> None:
        """Adds vectors that have just been stored.

        Executions that were deleted or got another description meanwhile are left out: the store
        has removed their vectors.

        Args:
            executions: n executions.
            vectors: (n, dimension) float32.
            versions: By execution, the versions that `Store.put_vectors` returned.
            passages: n arrays (k, dimension), k >= 0, of further passages; (): none.
        """
        at = [at for at, one in enumerate(executions) if one.task_id in versions]
        ids = [executions[i].task_id for i in at]
        hashes = np.array([description_hash(executions[i].task_description) for i in at], np.uint64)
        with self._lock:
            rows = self._catalog.rows_of(ids)
            fits = rows >= 0
            fits[fits] = self._catalog.view()["description_hash"][rows[fits]] == hashes[fits]
            rows = rows[fits]
            stored = np.array([versions[task_id] for task_id in ids], np.int64)[fits]
            self._place(rows, stored, vectors[at][fits])
            if any(map(len, passages)):
                placed = dict(zip(np.array(at)[fits].tolist(), rows.tolist(), strict=True))
                self._put_passages(executions, versions, passages, placed)
            self._catalog.set_versions(rows, stored)  # last: a version implies its vector
            self._count_embedded()

    def next_untokenised(self) -> Untokenised:
        """The next rows that aren't tokenised yet, at most `TEXTS_CHUNK`."""
        with self._lock:
            first = len(self._words)
            view = self._catalog.view()
            part = slice(first, first + TEXTS_CHUNK)
            alive = view["alive"][part]  # dead rows have no texts any more
            numbers, hashes = view["sequence"][part], view["text_hash"][part]
            living = zip(numbers[alive].tolist(), hashes[alive].tolist(), strict=True)
            return Untokenised(first, dict(living), hashes.tolist())

    def add_texts(self, wanted: Untokenised, texts: Iterable[IndexedTexts]) -> int:
        """Tokenises the texts of rows; returns the number of rows.

        Args:
            wanted: From `next_untokenised`. If another thread has tokenised them, nothing happens.
            texts: The store's texts. A row without one gets no words: it is dead or about to be.
        """
        with self._adding:
            part = slice(wanted.first, wanted.first + len(wanted.text_hashes))
            with self._lock:
                hashes = self._catalog.view()["text_hash"][part].tolist()
            if len(self._words) != wanted.first or hashes != wanted.text_hashes:
                return 0
            given = {one.text_hash: one.texts for one in texts}
            counted = dict(zip(given, count_each(given.values()), strict=True))
            self._words.add([counted.get(one, Counter()) for one in hashes])
            with self._lock:
                dead = wanted.first + np.flatnonzero(~self._catalog.view()["alive"][part])
            self._words.discard(dead)
            return len(wanted.text_hashes)

    def compact(self) -> None:
        """Removes dead rows, computes bounds and saves the word index, as `Upkeep` says.

        Raises:
            IndexUnavailable: The word index can't be saved; it stays in memory.
        """
        with self._adding:
            with self._lock:
                dead = len(self._catalog) - self._catalog.alive
                if dead > self._upkeep.min_dead and 2 * dead > len(self._catalog):
                    self._drop_dead()
            for matrix in (self._matrix, self._passages.matrix):
                matrix.prepare_bounds(self._lock)
            if self._words.unpurged > _UNPURGED:
                self._words.merge()
            unsaved = len(self._words) - self._saved
            if self._words_path is not None and unsaved > self._upkeep.min_unsaved:
                self._saved = len(self._words)  # also if it fails: not tried again at each record
                segment = self._words.merge()
                with self._lock:
                    view = self._catalog.view()
                    hashes = np.where(view["alive"], view["text_hash"], 0)[: len(segment.lengths)]
                word_file.save(self._words_path, word_file.SavedWords(segment, hashes))

    def release(self) -> None:
        """Releases memory that searches with the HNSW index don't need."""
        with self._lock:
            self._matrix.release()
            self._passages.release()

    def snapshot(self, filters: Filters, now: datetime) -> Snapshot:
        """The current rows, for a search.

        Args:
            filters: Which rows pass.
            now: The time that `filters.since_days` counts back from.
        """
        with self._lock:
            view = self._catalog.view()
            vectors, bounds = self._matrix.view(len(view)), self._matrix.bounds(len(view))
            passing = self._catalog.mask(filters, now)
            self._words.sample = self.fetched.sample(self._catalog, len(self._words))
            passages = self._passages.view(len(view)) if len(self._passages) else None
            known = (self._catalog, self._row_of_version, self._errors, self._metric, self._lock)
            return Snapshot(view, vectors, bounds, passages, self._words, passing, *known)

    def _count_embedded(self) -> None:
        view = self._catalog.view()
        self.embedded = int(np.count_nonzero(view["alive"] & (view["version"] > 0)))

    def _place(
        self, rows: NDArray[np.int64], versions: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        self._matrix.put(rows, vectors)
        self._locate(versions, rows)

    def _put_passages(
        self,
        executions: Sequence[Unembedded],
        versions: Mapping[UUID, int],
        passages: Sequence[NDArray[np.float32]],
        rows: Mapping[int, int],
    ) -> None:
        """Adds the passages of executions that have rows; see `Store.put_vectors` for versions."""
        position = {one.task_id: at for at, one in enumerate(executions)}
        version = max(versions.values(), default=0) + 1
        for task_id in versions:
            at = position[task_id]
            count = len(passages[at])
            if count and at in rows:
                numbers = np.arange(count)
                self._add_passages(
                    np.full(count, rows[at]), 1 + numbers, version + numbers, passages[at]
                )
            version += count

    def _add_passages(
        self,
        rows: NDArray[np.int64],
        numbers: NDArray[np.int64],
        versions: NDArray[np.int64],
        vectors: NDArray[np.float32],
    ) -> None:
        self._passages.add(rows, numbers, versions, vectors)
        self._locate(versions, rows)

    def _locate(self, versions: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        if len(rows):
            self._row_of_version = grown(self._row_of_version, int(versions.max()) + 1)
            self._row_of_version[versions] = rows + 1  # so that zero means none

    def _drop_dead(self) -> None:
        before = len(self._catalog)
        logger.info("%d dead rows are removed from memory", before - self._catalog.alive)
        self._catalog, kept = self._catalog.compacted()
        number = np.full(before, -1)
        number[kept] = np.arange(len(kept))
        self._matrix = self._matrix.compacted(kept)
        self._passages = self._passages.compacted(number)
        self._words = self._words.compacted(kept)
        self._saved = 0
        by_number = np.append(0, number + 1).astype(np.int32)  # 0 still means none
        self._row_of_version = by_number[self._row_of_version]
