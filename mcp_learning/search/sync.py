"""The catalog, the vectors and the words together: loaded from the truth, then kept up with it.

A search first takes in what was committed since the last one (`sync`): changes by their number,
deletions by counting. So it works on the truth as of its start, without asking for anything else.
Words follow in the background, some at a time: until then a row is found by its meaning.

Invariants, under the lock:
- Catalog, matrix and word index number their rows alike; the word index may lack the last ones.
- A row's vector is the truth's, as of the row's `version`.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Filters
from mcp_learning.search.arrays import grown
from mcp_learning.search.catalog import Catalog, View
from mcp_learning.search.exact import Matrix
from mcp_learning.search.lexical import word_file
from mcp_learning.search.lexical.terms import count_terms
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.search.metric import Metric
from mcp_learning.search.metric_cache import MetricCache
from mcp_learning.search.pca_bounds import PcaBoundsView
from mcp_learning.store.duckdb import embeddings, executions, feed
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import Columns

logger = logging.getLogger(__name__)

WORDS_CHUNK = 512
"""Executions whose words are read at a time, in about 50 ms."""

_UNSAVED = 1_000
"""Rows without words in the file that the next start has to read: 0.1 s."""

_UNPURGED = 500
"""Dead rows that searches leave out one by one, 10 µs for each word of a question."""

_LEAST_DEAD = 1_024


class Embedded(NamedTuple):
    """A stored vector: of which execution, under which description, as which version."""

    task_id: UUID
    task_description: str
    version: int


@dataclass(frozen=True)
class Snapshot:
    """What one search works on.

    Attributes:
        view: n rows.
        vectors: (n, dimension) float32.
        heads: Of the vectors, where they are worth it.
        words: Of these rows, or a few more or fewer.
        passing: (n,) bool: living rows that pass the filters; None: all.
    """

    view: View
    vectors: NDArray[np.float32]
    heads: PcaBoundsView | None
    words: WordIndex
    passing: NDArray[np.bool_] | None
    _catalog: Catalog
    _row_of_version: NDArray[np.int32]
    _measured: MetricCache
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
        return _rows_of_versions(self._row_of_version, versions)

    def rows_after(self, watermark: int) -> NDArray[np.int64]:
        """The rows that may be found whose embedding version is greater."""
        rows = self._row_of_version[watermark + 1 :].astype(np.int64) - 1
        current = (rows >= 0) & (rows < len(self.view))
        versions = watermark + 1 + np.flatnonzero(current)
        rows = rows[current]
        return self.passes(rows[self.view["version"][rows] == versions])

    def measured(self, rows: NDArray[np.int64], noise: float) -> tuple[Metric, NDArray[np.float32]]:
        """The metric that tells kinds of tasks apart, and (m,) lengths of m rows by it.

        Args:
            rows: (m,) which are wanted.
            noise: `Embedder.floor` of the model.
        """
        return self._measured.of(self.view, self.vectors, rows, noise)

    def coverage(self, scored: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32 of what the word index says; 0 for rows that it lacks."""
        if len(scored) >= len(self.view):
            return scored[: len(self.view)]
        return np.concatenate([scored, np.zeros(len(self.view) - len(scored), np.float32)])


class Rows:
    """The rows of one database in memory. Safe to use from several threads.

    Args:
        directory: Of derived files.
        commits: Tells how many writes the database has committed.
    """

    def __init__(self, directory: Path, commits: Callable[[], int]) -> None:
        self._commits = commits
        self._synced = -1
        self._directory = directory
        self._words_path = directory / word_file.FILE_NAME
        self._lock = threading.RLock()
        self._reading = threading.Lock()  # held while words are read and added, one at a time
        self._catalog = Catalog()
        self._matrix = Matrix(0)
        self._measured = MetricCache()
        self._words = WordIndex()
        self._row_of_version = np.zeros(0, np.int32)
        self._saved = 0
        self._embedded: int | None = None  # counted when asked for

    def __len__(self) -> int:
        return self._catalog.alive

    @property
    def embedded(self) -> int:
        """Rows that have a vector."""
        with self._lock:
            if self._embedded is None:
                view = self._catalog.view()
                self._embedded = int((view["alive"] & (view["version"] > 0)).sum())
            return self._embedded

    @property
    def waiting(self) -> int:
        """Rows that have no vector yet."""
        with self._lock:
            return self._catalog.alive - self.embedded

    def queue(self, limit: int, up_to: int) -> list[int]:
        """Change numbers of rows that have no vector yet, the oldest first.

        Args:
            limit: How many at most.
            up_to: The highest change number that counts.
        """
        with self._lock:
            view = self._catalog.view()
            waiting = view["alive"] & (view["version"] == 0) & (view["sequence"] <= up_to)
            return sorted(view["sequence"][waiting].tolist())[:limit]

    @property
    def sequence(self) -> int:
        """The highest change number that was taken in."""
        return self._catalog.sequence

    @property
    def wordless(self) -> int:
        """Rows that can't be found by their words yet."""
        return len(self._catalog) - len(self._words)

    @property
    def word_bytes(self) -> int:
        """Size of the word index's file."""
        return self._words_path.stat().st_size if self._words_path.exists() else 0

    def load(self, cursor: Cursor, dimension: int, *, vectors: bool = True) -> None:
        """Reads everything anew.

        Args:
            cursor: Of the truth.
            dimension: Length of the vectors.
            vectors: False leaves all rows without one, when those stored are of another model.
        """
        with self._reading, self._lock:
            self._synced, self._embedded = self._commits(), None
            cursor.begin()  # so that all is of one moment
            current = feed.read(cursor)
            self._words, order = self._load_words(current.text_hash)
            self._catalog, self._matrix = Catalog(), Matrix(dimension, self._directory)
            self._measured = MetricCache()  # another model's vectors may have the same versions
            self._catalog.apply(current.chosen(order))
            self._row_of_version = np.zeros(0, np.int32)
            if vectors:
                self._load_vectors(cursor)
            cursor.commit()
            self._matrix.release()

    def sync(self, cursor: Cursor) -> None:
        """Takes in what was committed since the last time."""
        commits = self._commits()  # before reading: what is committed meanwhile is read twice
        if commits == self._synced:
            return
        with self._lock:
            if commits <= self._synced:
                return  # another search did it, while this one waited
            self._embedded = None
            cursor.begin()
            changed = feed.read(cursor, self._catalog.sequence)
            count = executions.count(cursor)
            self._apply(changed)  # as a whole, before anything else may fail
            if len(self) != count:
                self._drop_deleted(feed.sequences(cursor))
            cursor.commit()
            self._synced = commits

    def put(self, cursor: Cursor, stored: Sequence[Embedded], vectors: NDArray[np.float32]) -> None:
        """Takes in n newly stored vectors, (n, dimension) float32; those outdated by now are not.

        The truth has taken the vector of a changed description away again.
        """
        with self._lock:
            self.sync(cursor)
            self._embedded = None
            rows = self._catalog.rows_of([one.task_id for one in stored])
            described = self._catalog.view()["description_hash"]
            fits = [
                row >= 0 and int(described[row]) == feed.description_hash(one.task_description)
                for row, one in zip(rows, stored, strict=True)
            ]
            versions = np.array([one.version for one in stored], np.int64)[fits]
            self._place(rows[fits], versions, vectors[fits])
            self._catalog.set_versions(rows[fits], versions)  # then whoever sees one has the other

    def read_words(self, cursor: Cursor) -> int:
        """Reads the words of the next rows that lack them; returns how many rows it did."""
        with self._reading:
            with self._lock:
                start = len(self._words)
                view = self._catalog.view()
                part = slice(start, start + WORDS_CHUNK)
                # A row that died has no words any more, and its texts are gone.
                alive = view["alive"][part].tolist()
                sequences = view["sequence"][part].tolist()
                stamps = view["text_hash"][part].tolist()
            wanted = [number for number, lives in zip(sequences, alive, strict=True) if lives]
            counted = {one.text_hash: count_terms(*one.texts) for one in feed.words(cursor, wanted)}
            # One that is changed or deleted meanwhile has none: its row is dead, or will be.
            self._words.add([counted.get(stamp, Counter()) for stamp in stamps])
            with self._lock:
                dead = start + np.flatnonzero(~view["alive"][part])
            self._words.discard(dead)
            return len(stamps)

    def tidy(self) -> None:
        """Saves the words, and leaves out dead rows, if there are enough of either.

        Raises:
            IndexUnavailable: The words can't be saved; they stay in memory.
        """
        with self._reading:
            with self._lock:
                dead = len(self._catalog) - self._catalog.alive
                if dead > _LEAST_DEAD and 2 * dead > len(self._catalog):
                    self._compact()
                self._matrix.prepare(len(self._catalog))
            if self._words.unpurged > _UNPURGED:
                self._words.merge()
            if len(self._words) - self._saved > _UNSAVED:
                self._saved = len(self._words)  # also if it fails: not tried again at each record
                segment = self._words.merge()
                with self._lock:
                    view = self._catalog.view()
                    stamps = np.where(view["alive"], view["text_hash"], 0)[: len(segment.lengths)]
                word_file.save(self._words_path, word_file.WordRows(segment, stamps))

    def release(self) -> None:
        """Gives memory back that searches through an index can do without."""
        with self._lock:
            self._matrix.release()

    def snapshot(self, filters: Filters, now: datetime) -> Snapshot:
        """What a search works on: everything that was taken in so far."""
        with self._lock:
            view = self._catalog.view()
            vectors, heads = self._matrix.view(len(view)), self._matrix.heads(len(view))
            passing = self._catalog.mask(filters, now)
            known = (self._catalog, self._row_of_version, self._measured, self._lock)
            return Snapshot(view, vectors, heads, self._words, passing, *known)

    def _apply(self, changed: Columns) -> None:
        rows, replaced = self._catalog.apply(changed)
        versions = self._catalog.view()["version"][rows]
        moved = versions > 0
        self._place(rows[moved], versions[moved], self._vectors_of(replaced[moved]))
        self._words.discard(replaced[replaced >= 0])

    def _drop_deleted(self, sequences: NDArray[np.int64]) -> None:
        view = self._catalog.view()
        gone = np.flatnonzero(view["alive"] & ~np.isin(view["sequence"], sequences))
        self._catalog.kill(gone)
        self._words.discard(gone)

    def _place(
        self, rows: NDArray[np.int64], versions: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        if len(rows):
            self._matrix.put(rows, vectors)
            self._row_of_version = grown(self._row_of_version, int(versions.max()) + 1)
            self._row_of_version[versions] = rows + 1  # so that zero means none

    def _vectors_of(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return self._matrix.view(len(self._catalog))[rows]

    def _load_words(self, stamps: NDArray[np.uint64]) -> tuple[WordIndex, NDArray[np.int64]]:
        """The words that were saved of executions with these stamps, and an order of all (n,).

        The first ones in that order are those of the word index.
        """
        saved = word_file.load(self._words_path)
        if saved is None:
            self._saved = 0
            return WordIndex(), np.arange(len(stamps))
        order = np.argsort(stamps, kind="stable")
        at = np.searchsorted(stamps, saved.stamps, sorter=order)
        at = order[np.minimum(at, max(len(stamps) - 1, 0))] if len(stamps) else at
        true = stamps[at] == saved.stamps if len(stamps) else np.zeros(len(at), bool)
        kept = np.flatnonzero(true)
        words = WordIndex(saved.segment).compacted(kept)
        self._saved = len(words)
        rest = np.ones(len(stamps), bool)
        rest[at[kept]] = False
        return words, np.concatenate([at[kept], np.flatnonzero(rest)])

    def _load_vectors(self, cursor: Cursor) -> None:
        sequences, versions = embeddings.versions(cursor)
        view = self._catalog.view()
        order = np.argsort(view["sequence"], kind="stable")
        rows = order[np.searchsorted(view["sequence"], sequences, sorter=order)]
        self._catalog.set_versions(rows, versions)
        self._row_of_version = grown(self._row_of_version, int(versions.max(initial=0)) + 1)
        self._row_of_version[versions] = rows + 1
        self._matrix.view(len(self._catalog))
        for some, vectors in embeddings.read(cursor):
            known = _rows_of_versions(self._row_of_version, some)
            self._matrix.put(known[known >= 0], vectors[known >= 0])

    def _compact(self) -> None:
        logger.info("%d dead rows leave memory", len(self._catalog) - self._catalog.alive)
        self._catalog, kept = self._catalog.compacted()
        self._matrix = self._matrix.compacted(kept)
        self._words = self._words.compacted(kept)
        self._saved = 0
        number = np.zeros(int(kept.max(initial=-1)) + 2, np.int32)
        number[kept + 1] = np.arange(1, len(kept) + 1)
        old = np.minimum(self._row_of_version, len(number) - 1)
        self._row_of_version = np.where(self._row_of_version < len(number), number[old], 0)


def _rows_of_versions(known: NDArray[np.int32], versions: NDArray[np.int64]) -> NDArray[np.int64]:
    inside = (versions >= 0) & (versions < len(known))
    return np.where(inside, known[np.where(inside, versions, 0)], 0).astype(np.int64) - 1
