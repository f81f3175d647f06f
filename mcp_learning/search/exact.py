"""All vectors in one float32 matrix, by row of the catalog, compared by a dot product."""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import mapped_array
from mcp_learning.search.arrays import grown
from mcp_learning.search.pca_bounds import PcaBounds, PcaBoundsView

logger = logging.getLogger(__name__)

FROM_BYTES = 256 * 2**20
"""Size from which the vectors are kept in a file that the system caches: 170,000 rows of 384."""

LEAST_HEADS = 4_096
"""Rows from which it pays to look at the heads of vectors before their tails."""

_GROWTH = 65_536
_CHUNK = 16_384

DENSE = 0.2
"""Share of rows from which comparing all is faster than picking some out: 9 ms per 100,000 rows in
order, 40 ms per 100,000 that are picked."""


class Matrix:
    """L2-normalised vectors by row; a row without one is all zeros, alike to nothing.

    Not safe to use from several threads by itself: its owner locks. A search works on a `view`.

    Args:
        dimension: Length of the vectors.
        directory: Where many may be kept in a file; None: always in memory.
    """

    def __init__(self, dimension: int, directory: Path | None = None) -> None:
        self.dimension = dimension
        self._directory = directory if mapped_array.supported() else None
        self._pages: mapped_array.MappedArray | None = None
        self._heads: PcaBounds | None = None
        self._vectors = np.zeros((0, dimension), np.float32)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Sets rows: (n,) and (n, dimension) float32, L2-normalised."""
        if len(rows):
            self._reserve(int(rows.max()) + 1)
            self._vectors[rows] = vectors
            if self._heads is not None:
                self._heads.put(rows, vectors)

    def prepare(self, rows: int) -> None:
        """Makes searches through the first rows faster, if there are enough, in 0.3 s per 100,000.

        Where vectors are kept in a file, what is in memory is to stay small, and searches are
        meant to use an index.
        """
        if self._heads is None and self._pages is None and rows >= LEAST_HEADS:
            self._heads = PcaBounds(self.view(rows))

    def heads(self, rows: int) -> PcaBoundsView | None:
        """The heads of the first rows, if they were prepared."""
        return None if self._heads is None else self._heads.view(rows)

    def view(self, rows: int) -> NDArray[np.float32]:
        """The first rows as of now, (rows, dimension). Later appended rows don't show."""
        self._reserve(rows)
        return self._vectors[:rows]

    def compacted(self, kept: NDArray[np.int64]) -> "Matrix":
        """A matrix of the (m,) rows `kept`, in this order."""
        other = Matrix(self.dimension, self._directory)
        other._reserve(len(kept))
        mine = self.view(int(kept[-1]) + 1 if len(kept) else 0)
        for start in range(0, len(kept), _CHUNK):
            some = kept[start : start + _CHUNK]
            other._vectors[start : start + len(some)] = mine[some]
        return other

    def release(self) -> None:
        """Gives memory back that only a search through all rows needs, if there is much of it."""
        if self._pages is not None:
            self._pages.release()

    def _reserve(self, rows: int) -> None:
        if len(self._vectors) >= rows:
            return
        if self._directory is not None and 4 * rows * self.dimension >= FROM_BYTES:
            try:
                self._move(self._directory, rows + _GROWTH)
            except OSError as error:
                logger.warning("the vectors stay in memory: %s", error.strerror)
                self._directory = self._pages = None
            else:
                return
        self._vectors = grown(self._vectors, rows)

    def _move(self, directory: Path, rows: int) -> None:
        if self._pages is not None:
            self._vectors = self._pages.resized(rows)
            return
        fresh = mapped_array.MappedArray(directory, self.dimension)
        larger = fresh.resized(rows)
        larger[: len(self._vectors)] = self._vectors
        self._pages, self._vectors, self._heads = fresh, larger, None


def cosines(
    vectors: NDArray[np.float32], vector: NDArray[np.float32], rows: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Cosine similarities, -1..1, with a (dimension,) float32, L2-normalised vector.

    Args:
        vectors: (n, dimension) from `Matrix.view`.
        vector: What to compare with.
        rows: (m,) rows to compare; None for all.

    Returns:
        (n,) float32, or (m,) for `rows`.
    """
    if rows is None:
        return np.asarray(vectors @ vector)
    if len(rows) > DENSE * len(vectors):
        return np.asarray((vectors @ vector)[rows])
    return np.asarray(vectors[rows] @ vector)
