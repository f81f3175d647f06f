"""Exact vector search: all vectors in one float32 matrix, compared by dot products."""

import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import mapped_array
from mcp_learning.search.arrays import grown
from mcp_learning.search.pca_bounds import PcaBounds, PcaBoundsView, basis_of

logger = logging.getLogger(__name__)

MAPPED_FROM_BYTES = 256 * 2**20
"""Least size of a matrix in a memory-mapped file: 170,000 rows of 384."""

MAPPED_GROWTH = 65_536
"""Rows that a mapped file has room for beyond those that are needed."""

MIN_ROWS_FOR_BOUNDS = 8_192
"""Least number of rows for which bounds make a search faster."""

DENSE_SHARE = 0.15
"""Least share of passing rows for which comparing all rows is faster than gathering those: 100,000
rows take 6 ms in order, and 40 ms if they are gathered."""

_CHUNK = 16_384


class VectorMatrix:
    """L2-normalised vectors by row. A row without a vector is zero, so its cosines are 0.

    Not thread-safe: its owner locks. A search works on a `view`.

    Args:
        dimension: Length of the vectors.
        directory: Directory of the mapped file; None: vectors stay in the process's own memory.
        mapped_from_bytes: See `MAPPED_FROM_BYTES`.
        mapped_growth: See `MAPPED_GROWTH`.
        min_bounded: See `MIN_ROWS_FOR_BOUNDS`.
    """

    def __init__(
        self,
        dimension: int,
        directory: Path | None = None,
        *,
        mapped_from_bytes: int = MAPPED_FROM_BYTES,
        mapped_growth: int = MAPPED_GROWTH,
        min_bounded: int = MIN_ROWS_FOR_BOUNDS,
    ) -> None:
        self.dimension = dimension
        self._directory = directory if mapped_array.supported() else None
        self._mapped_from_bytes, self._mapped_growth = mapped_from_bytes, mapped_growth
        self._min_bounded = min_bounded
        self._mapped: mapped_array.MappedArray | None = None
        self._bounds: PcaBounds | None = None
        self._vectors = np.zeros((0, dimension), np.float32)
        self._used = 0

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Sets n rows.

        Args:
            rows: (n,) row numbers.
            vectors: (n, dimension) float32, L2-normalised.
        """
        if len(rows):
            self._used = max(self._used, int(rows.max()) + 1)
            self._reserve(self._used)
            self._vectors[rows] = vectors
            if self._bounds is not None:
                self._bounds.put(rows, vectors)

    def prepare_bounds(self, lock: AbstractContextManager[Any]) -> None:
        """Computes bounds for searches if there are enough rows, in 0.3 s per 100,000.

        A mapped matrix gets none, since it is to save memory and searches use the HNSW index.

        Args:
            lock: The owner's lock; it isn't held while the principal directions are computed.
        """
        with lock:
            vectors = self._vectors[: self._used] if self._wants_bounds else None
        if vectors is not None:
            basis = basis_of(vectors)
            with lock:
                self._bound(basis)

    def bound_like(self, other: "VectorMatrix") -> None:
        """Computes bounds with the basis of another matrix, if that has bounds."""
        if other._bounds is not None:
            self._bound(other._bounds.basis)

    def bounds(self, rows: int) -> PcaBoundsView | None:
        """Bounds for the first rows; None unless they were computed."""
        return None if self._bounds is None else self._bounds.view(rows)

    def view(self, rows: int) -> NDArray[np.float32]:
        """The first rows, (rows, dimension). Rows that are appended later don't appear in it."""
        self._reserve(rows)
        return self._vectors[:rows]

    def compacted(self, kept: NDArray[np.int64]) -> "VectorMatrix":
        """A matrix of the rows `kept`.

        Args:
            kept: (m,) ascending; they become rows 0 to m - 1.
        """
        other = VectorMatrix(
            self.dimension,
            self._directory,
            mapped_from_bytes=self._mapped_from_bytes,
            mapped_growth=self._mapped_growth,
            min_bounded=self._min_bounded,
        )
        other._reserve(len(kept))
        mine = self.view(int(kept[-1]) + 1 if len(kept) else 0)
        for start in range(0, len(kept), _CHUNK):
            some = kept[start : start + _CHUNK]
            other._vectors[start : start + len(some)] = mine[some]
        other._used = int(np.searchsorted(kept, self._used))
        other.bound_like(self)
        return other

    def release(self) -> None:
        """Gives the memory of mapped vectors back to the system, which reads them again on use."""
        if self._mapped is not None:
            self._mapped.release()

    @property
    def _wants_bounds(self) -> bool:
        enough = self._used >= self._min_bounded
        return self._bounds is None and self._mapped is None and enough

    def _bound(self, basis: NDArray[np.float32]) -> None:
        if self._wants_bounds:
            self._bounds = PcaBounds(self._vectors[: self._used], basis)

    def _reserve(self, rows: int) -> None:
        if len(self._vectors) >= rows:
            return
        if self._directory is not None and 4 * rows * self.dimension >= self._mapped_from_bytes:
            try:
                self._map(self._directory, rows + self._mapped_growth)
            except OSError as error:
                logger.warning("the vectors stay in memory: %s", error.strerror)
                self._directory = self._mapped = None
            else:
                return
        self._vectors = grown(self._vectors, rows)

    def _map(self, directory: Path, rows: int) -> None:
        if self._mapped is not None:
            self._vectors = self._mapped.resized(rows)
            return
        mapped = mapped_array.MappedArray(directory, self.dimension)
        larger = mapped.resized(rows)
        larger[: len(self._vectors)] = self._vectors
        self._mapped, self._vectors, self._bounds = mapped, larger, None


def cosines(
    vectors: NDArray[np.float32], vector: NDArray[np.float32], rows: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Cosines of n vectors with one, -1..1.

    Args:
        vectors: (n, dimension) from `VectorMatrix.view`.
        vector: (dimension,) float32, L2-normalised.
        rows: (m,) rows to compare; None: all.

    Returns:
        (n,) float32, or (m,) for `rows`.
    """
    if rows is None:
        return np.asarray(np.vecdot(vectors, vector))
    if len(rows) > DENSE_SHARE * len(vectors):
        return np.asarray(np.vecdot(vectors, vector)[rows])
    return np.asarray(np.vecdot(vectors[rows], vector))
