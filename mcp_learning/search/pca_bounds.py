"""Upper bounds on dot products from a projection of each vector, a quarter of its size.

All vectors are projected onto the principal directions of a sample, which hold most of their length
(I. Jolliffe, "Principal Component Analysis", 2002). With p and r the projection and the residual of
a vector x, and g and s those of a query q, the Cauchy-Schwarz inequality gives

    x · q = p · g + r · s <= p · g + |r| |s|

An exact search takes as long as reading all vectors from memory. Reading only the projections takes
a quarter of that, and their bounds rule most rows out (docs/decisions/0013).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown

SHARE = 4
"""Ratio of the dimensions of a vector and its projection: 96 of 384 hold five sixths of the squared
length."""

ROUNDING = 1e-5
"""Added to all bounds, since float32 sums of unit vectors may be too low by that much."""

_SAMPLE = 4_096
_CHUNK = 16_384


class PcaBoundsView(NamedTuple):
    """The projections of n rows as of one moment.

    Attributes:
        basis: (dimension, d) float32, orthonormal columns.
        projections: (n, d) float32.
        residuals: (n,) float32, lengths of the residuals.
    """

    basis: NDArray[np.float32]
    projections: NDArray[np.float32]
    residuals: NDArray[np.float32]

    def bounds(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32 upper bounds on the dot products of the rows with a vector.

        Args:
            vector: (dimension,) float32, of any length.
        """
        projection = vector @ self.basis
        square = float(vector @ vector)
        residual = np.sqrt(max(square - float(projection @ projection), 0.0))
        bounds = np.vecdot(self.projections, projection)
        bounds += self.residuals * np.float32(residual)
        bounds += np.float32(ROUNDING * max(square, 1.0))
        return np.asarray(bounds)


def basis_of(vectors: NDArray[np.float32], share: int = SHARE) -> NDArray[np.float32]:
    """(dimension, d) float32, orthonormal columns: the principal directions, in some 0.1 s.

    Args:
        vectors: (n, dimension) float32, each L2-normalised or zero.
        share: See `SHARE`.
    """
    sample = vectors[:: max(1, len(vectors) // _SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)  # by ascending variance
    return np.ascontiguousarray(directions[:, -(sample.shape[1] // share) :])


class PcaBounds:
    """The projections of the rows of a matrix. Not thread-safe: the owner of the matrix locks.

    Args:
        vectors: (n, dimension) float32, each L2-normalised or zero: all current rows.
        basis: `basis_of` these or similar vectors.
    """

    def __init__(self, vectors: NDArray[np.float32], basis: NDArray[np.float32]) -> None:
        self.basis = basis
        self._projections = np.zeros((0, basis.shape[1]), np.float32)
        self._residuals = np.zeros(0, np.float32)
        for start in range(0, len(vectors), _CHUNK):
            some = vectors[start : start + _CHUNK]
            self.put(np.arange(start, start + len(some)), some)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Sets n rows.

        Args:
            rows: (n,) row numbers.
            vectors: (n, dimension) float32, each L2-normalised or zero.
        """
        if not len(rows):
            return
        projections = vectors @ self.basis
        squares = np.einsum("ij,ij->i", vectors, vectors)
        squares = squares - np.einsum("ij,ij->i", projections, projections)
        self._reserve(int(rows.max()) + 1)
        self._projections[rows] = projections
        self._residuals[rows] = np.sqrt(np.maximum(squares, 0))

    def view(self, rows: int) -> PcaBoundsView:
        """The projections of the first rows. Rows that are appended later don't appear in it."""
        self._reserve(rows)
        return PcaBoundsView(self.basis, self._projections[:rows], self._residuals[:rows])

    def _reserve(self, rows: int) -> None:
        self._projections = grown(self._projections, rows)
        self._residuals = grown(self._residuals, rows)
