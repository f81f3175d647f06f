"""The place of the HNSW index: what is in it, whether it fits, how it is replaced and retired."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex, IndexInfo, read_info, remove

logger = logging.getLogger(__name__)

LEAST_RECALL = 0.7
"""Recall@10, 0..1, below which a new index is not used."""

MOST_OUTSIDE = 0.2
"""Share of vectors that are newer than the index, or of the index's that are gone, from which it is
stale: the newer ones are searched exactly, at the cost of an exact search over as many."""

_SAMPLE = 64

Vectors = Callable[[NDArray[np.int64]], tuple[NDArray[np.bool_], NDArray[np.float32]]]
"""From (n,) versions: which of them are in use, (n,), and the (m, dimension) vectors of those."""


@dataclass(frozen=True)
class IndexState:
    """What is known of the index that is there. `info` is None when there is none that fits."""

    info: IndexInfo | None = None
    bytes: int = 0
    problem: str | None = None

    @property
    def age_seconds(self) -> float | None:
        """Since it was built."""
        return (
            None if self.info is None else (datetime.now(UTC) - self.info.built_at).total_seconds()
        )


class IndexManager:
    """Holds at most one open index. Safe to use from several threads.

    Args:
        directory: Of derived files.
        ef_search: Candidates that a search keeps.
    """

    def __init__(self, directory: Path, ef_search: int) -> None:
        self.index: HnswIndex | None = None
        self.state = IndexState()
        self.failures = 0
        """How many indexes failed in a search; after two, it isn't the file that is at fault."""
        self._path = directory / FILE_NAME
        self._ef_search = ef_search
        self._lock = threading.Lock()

    def open(self, fingerprint: str, vectors: Vectors, *, wanted: bool) -> None:
        """Opens the file if there is one that fits and `wanted`; what doesn't fit is left aside.

        Args:
            fingerprint: Of the model whose vectors are searched.
            vectors: Those of the truth, to tell an index of another database by.
            wanted: Whether searches are meant to use it: at 10,000 rows it takes 50 MB.
        """
        with self._lock:
            self._close()
            if not self._path.exists():
                return
            try:
                info = read_info(self._path)
                if info.model != fingerprint:
                    raise IndexUnavailable("the index is of another embedding model")
                if wanted:
                    self.index = self._checked(self._path, vectors)
            except IndexUnavailable as problem:
                logger.warning("%s; exact search goes on", problem)
                self.state = IndexState(problem=str(problem))
            else:
                self.state = IndexState(info, self._path.stat().st_size)

    def replace(self, built: Path, expected: IndexInfo, vectors: Vectors, *, wanted: bool) -> None:
        """Verifies a newly built index and puts it in the place of the old one.

        Args:
            built: The file; it is moved.
            expected: What it was to be built from.
            vectors: As in `open`.
            wanted: As in `open`.

        Raises:
            IndexUnavailable: It isn't what was to be built; the old one stays.
        """
        info = read_info(built)
        if (info.rows, info.watermark, info.model) != (
            expected.rows,
            expected.watermark,
            expected.model,
        ):
            raise IndexUnavailable("the new index lacks rows; the old one stays")
        if info.recall_at_10 is not None and info.recall_at_10 < LEAST_RECALL:
            raise IndexUnavailable(
                f"the new index finds only {info.recall_at_10:.0%} of the nearest; the old one "
                "stays: try preset high_recall"
            )
        self._checked(built, vectors).close()
        with self._lock:
            self._close()
            built.replace(self._path)
            if wanted:
                self.index = HnswIndex(self._path, self._ef_search)
            self.state = IndexState(info, self._path.stat().st_size)

    def discard(self, failed: HnswIndex, problem: IndexUnavailable) -> None:
        """Deletes the index, unless another one has taken its place."""
        with self._lock:
            if self.index is not failed:
                return  # a search was still using the one that was just replaced
            logger.warning("%s (%s)", problem, type(problem.__cause__).__name__)
            self.failures += 1
            self._close()
            remove(self._path)
            self.state = IndexState(problem=str(problem))

    def stored(self) -> IndexInfo | None:
        """What the file says that it holds; None if there is none that can be read."""
        try:
            return read_info(self._path) if self._path.exists() else None
        except IndexUnavailable:
            return None

    def drop(self, unless: IndexInfo | None) -> bool:
        """Deletes the file; returns whether there was one.

        Args:
            unless: An index that stays, if it is the one that the file holds by now.
        """
        with self._lock:
            if unless is not None and self.stored() == unless:
                return False
            existed = self._path.exists()
            self._close()
            remove(self._path)
            return existed

    def close(self) -> None:
        """Closes the index file."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self.index is not None:
            self.index.close()
        self.index, self.state = None, IndexState()

    def _checked(self, path: Path, vectors: Vectors) -> HnswIndex:
        index = HnswIndex(path, self._ef_search)
        try:
            versions, found = index.sample(_SAMPLE)
            used, true = vectors(versions)
            if index.count() != index.info.rows:
                raise IndexUnavailable(f"the index file {path.name} lacks rows")
            if not used.any() or not np.array_equal(found[used], true):
                raise IndexUnavailable(f"the index file {path.name} is of another database")
        except BaseException:
            index.close()
            raise
        return index
