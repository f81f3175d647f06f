"""The life of the HNSW index file: opening, verification, replacement, removal."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.hnsw import FILE_NAME, HnswIndex, IndexInfo, read_info, remove

logger = logging.getLogger(__name__)

MIN_RECALL = 0.7
"""Least recall@10, 0..1, of a new index that replaces the old one."""

MAX_UNINDEXED = 0.2
"""An index is stale when more than this share of its rows is gone, or when more rows than that are
newer. Newer rows are searched exactly until it is built again."""

_SAMPLE = 64

StoredVectors = Callable[[NDArray[np.int64]], tuple[NDArray[np.bool_], NDArray[np.float32]]]
"""Maps (n,) versions to (n,) bool, which of them exist, and the (m, dimension) vectors of these."""


@dataclass(frozen=True)
class IndexState:
    """What is known of the index file.

    Attributes:
        info: What the index was built from; None if there is no usable file.
        bytes: Size of the file.
        problem: Why a file isn't used.
    """

    info: IndexInfo | None = None
    bytes: int = 0
    problem: str | None = None


class IndexManager:
    """Holds the open index, if any. Safe to use from several threads.

    Args:
        directory: Directory of derived files.
        ef_search: Candidates that a search keeps, at least 1.

    Attributes:
        index: The open index; None: there is none.
        state: The state of the file.
        failures: Number of indexes that failed in a search.
    """

    def __init__(self, directory: Path, ef_search: int) -> None:
        self.index: HnswIndex | None = None
        self.state = IndexState()
        self.failures = 0
        self._path = directory / FILE_NAME
        self._ef_search = ef_search
        self._lock = threading.Lock()

    def open(self, fingerprint: str, vectors: StoredVectors, *, wanted: bool) -> None:
        """Opens the file if it matches the store; otherwise `state` says why it is ignored.

        Args:
            fingerprint: Fingerprint of the model whose vectors are searched.
            vectors: Gives the store's vectors, to recognise an index of another database.
            wanted: Whether searches are meant to use the index, which takes 50 MB at 10,000 rows.
        """
        with self._lock:
            self._close()
            if not self._path.exists():
                return
            try:
                info = read_info(self._path)
                if info.model != fingerprint:
                    raise IndexUnavailable("the index was built with another embedding model")
                if wanted:
                    self.index = self._checked(self._path, vectors)
            except IndexUnavailable as problem:
                logger.warning("%s; exact search goes on", problem)
                self.state = IndexState(problem=str(problem))
            else:
                self.state = IndexState(info, self._path.stat().st_size)

    def replace(
        self, built: Path, expected: IndexInfo, vectors: StoredVectors, *, wanted: bool
    ) -> None:
        """Replaces the index by a newly built one, after verifying that.

        Args:
            built: The new file; it is moved.
            expected: What it was to be built from.
            vectors: As in `open`.
            wanted: As in `open`.

        Raises:
            IndexUnavailable: The new index isn't as expected; the old one stays.
        """
        info = read_info(built)
        if (info.rows, info.watermark, info.model) != (
            expected.rows,
            expected.watermark,
            expected.model,
        ):
            raise IndexUnavailable("the new index lacks rows; the old one stays")
        if info.recall_at_10 is not None and info.recall_at_10 < MIN_RECALL:
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
        """Deletes an index that failed in a search, unless it has been replaced since."""
        with self._lock:
            if self.index is not failed:
                return
            logger.warning("%s (%s)", problem, type(problem.__cause__).__name__)
            self.failures += 1
            self._close()
            remove(self._path)
            self.state = IndexState(problem=str(problem))

    def stored(self) -> IndexInfo | None:
        """What the file says that it was built from; None if no file can be read."""
        try:
            return read_info(self._path) if self._path.exists() else None
        except IndexUnavailable:
            return None

    def drop(self, unless: IndexInfo | None) -> bool:
        """Deletes the file; returns whether there was one.

        Args:
            unless: The file stays if it holds this index.
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

    def _checked(self, path: Path, vectors: StoredVectors) -> HnswIndex:
        index = HnswIndex(path, self._ef_search)
        try:
            versions, found = index.sample(_SAMPLE)
            used, true = vectors(versions)
            if index.count() != index.info.rows:
                raise IndexUnavailable(f"the index file {path.name} lacks rows")
            if not used.any() or not np.array_equal(found[used], true):
                raise IndexUnavailable(f"the index file {path.name} belongs to another database")
        except BaseException:
            index.close()
            raise
        return index
