"""All vectors in one float32 matrix, by row of the catalog, compared by a dot product."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown

_DENSE = 0.2
"""Share of rows from which comparing all is faster than picking some out: 9 ms per 100,000 rows in
order, 40 ms per 100,000 that are picked."""


class Matrix:
    """L2-normalised vectors by row; a row without one is all zeros, alike to nothing.

    Not safe to use from several threads by itself: its owner locks. A search works on a `view`.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._vectors = np.zeros((0, dimension), np.float32)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Sets rows: (n,) and (n, dimension) float32, L2-normalised."""
        if len(rows):
            self._vectors = grown(self._vectors, int(rows.max()) + 1)
            self._vectors[rows] = vectors

    def view(self, rows: int) -> NDArray[np.float32]:
        """The first rows as of now, (rows, dimension). Later appended rows don't show."""
        self._vectors = grown(self._vectors, rows)
        return self._vectors[:rows]

    def compacted(self, kept: NDArray[np.int64]) -> "Matrix":
        """A matrix of the (m,) rows `kept`, in this order."""
        other = Matrix(self.dimension)
        other._vectors = self.view(int(kept[-1]) + 1 if len(kept) else 0)[kept]
        return other


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
    if len(rows) > _DENSE * len(vectors):
        return np.asarray((vectors @ vector)[rows])
    return np.asarray(vectors[rows] @ vector)
