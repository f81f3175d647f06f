"""Bounds on cosines from a quarter of each vector, so that most rows needn't be compared in full.

All vectors are rotated so that their first dimensions hold most of their length (the principal
directions of a sample; Jolliffe, Principal Component Analysis, 2002). With x = (h, t), a head and a
tail, and a question q = (g, s), Cauchy and Schwarz give

    x · q = h · g + t · s <= h · g + |t| |s|

A search through everything is as slow as memory is: reading the heads alone takes a quarter of it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown

SHARE = 4
"""A head is this part of a vector: 96 dimensions of 384 hold five sixths of the squared length."""

ROUNDING = 1e-5
"""What bounds in float32 may be too low by."""

_SAMPLE = 4_096
_CHUNK = 16_384


class PcaBoundsView(NamedTuple):
    """The heads of n rows as of one moment.

    Attributes:
        basis: (dimension, head) float32, orthonormal columns.
        heads: (n, head) float32.
        tails: (n,) float32, lengths.
    """

    basis: NDArray[np.float32]
    heads: NDArray[np.float32]
    tails: NDArray[np.float32]

    def bounds(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) float32: no row's cosine with a (dimension,) float32 vector of length 1 is more."""
        head = vector @ self.basis
        tail = np.sqrt(max(1.0 - float(head @ head), 0.0))
        bounds = self.heads @ head
        bounds += self.tails * np.float32(tail)
        bounds += np.float32(ROUNDING)
        return np.asarray(bounds)


class PcaBounds:
    """The heads of a matrix's rows. Not safe to use from several threads by itself.

    Args:
        vectors: (n, dimension) float32, of length 1 or 0: all there are.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        sample = vectors[:: max(1, len(vectors) // _SAMPLE)]
        dimension = vectors.shape[1]
        _, directions = np.linalg.eigh(sample.T @ sample)  # the longest last
        self._basis = np.ascontiguousarray(directions[:, -(dimension // SHARE) :])
        self._heads = np.zeros((0, self._basis.shape[1]), np.float32)
        self._tails = np.zeros(0, np.float32)
        for start in range(0, len(vectors), _CHUNK):
            some = vectors[start : start + _CHUNK]
            self.put(np.arange(start, start + len(some)), some)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Sets rows: (n,) and (n, dimension) float32, of length 1 or 0."""
        if not len(rows):
            return
        heads = vectors @ self._basis
        rest = np.einsum("ij,ij->i", vectors, vectors) - np.einsum("ij,ij->i", heads, heads)
        self._reserve(int(rows.max()) + 1)
        self._heads[rows] = heads
        self._tails[rows] = np.sqrt(np.maximum(rest, 0))

    def view(self, rows: int) -> PcaBoundsView:
        """The heads of the first rows; those of later appended rows don't show."""
        self._reserve(rows)
        return PcaBoundsView(self._basis, self._heads[:rows], self._tails[:rows])

    def _reserve(self, rows: int) -> None:
        self._heads = grown(self._heads, rows)
        self._tails = grown(self._tails, rows)
