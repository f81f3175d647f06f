"""A metric, learned from the stored tasks, by which tasks of the same kind are near each other.

The texts of a history name its modules, services and customers in tasks of all kinds. These names
take up much of every vector and say nothing about the kind of work. They are found as the
directions in which tasks differ from their nearest neighbours, most of which are of the same kind;
these directions are discounted. Half of the mean of all vectors is subtracted first, so that what
all tasks share doesn't count as similarity. It isn't subtracted wholly, because the tasks of a
history may all be of one kind.

Source: relevant component analysis (N. Shental et al., "Adjustment learning and relevant component
analysis", ECCV 2002), with nearest neighbours in place of labelled groups. docs/learning.md has the
measurements.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import fusion

Floats = NDArray[np.float32]

MIN_TASKS = 32
"""Least number of different tasks to learn a metric from."""

MAX_TASKS = 1_000
"""Most tasks that a metric is learned from: the latest. Finding their neighbours takes 0.1 s."""

GROWTH = 1.25
"""The metric is learned again when the number of embeddings has grown by this factor."""

NEIGHBOURS = 5
"""Most neighbours that each task is compared with; their cosine is above `MIN_COSINE`."""

MIN_COSINE = 0.3

DIRECTIONS = 32
"""Number of directions that are discounted."""

DAMPING = 3.0
"""A direction is discounted by v / (v + DAMPING), v being the variance between neighbours along it
as a multiple of the mean over all directions."""

MEAN_SHARE = 0.5
"""Share of the mean of all vectors that is subtracted from each."""

_DUPLICATE = 0.9999

_CHUNK = 250

WINDOW = 4 * MAX_TASKS
"""Number of latest executions whose tasks are used; most tasks have several."""


@dataclass(frozen=True)
class Metric:
    """An inner product of vectors, and the origin that they are measured from.

    ⟨x, y⟩ = (x - origin)ᵀ (1 - U · diag(discount) · Uᵀ) (y - origin)

    Attributes:
        origin: (dimension,) float32.
        directions: (dimension, r) float32, the orthonormal columns of U.
        discount: (r,) float32, 0..1.
        noise: Typical cosine of unrelated texts, -1..1; for plain vectors, `Embedder.floor`.
    """

    origin: Floats
    directions: Floats
    discount: Floats
    noise: float

    @classmethod
    def plain(cls, dimension: int, noise: float) -> "Metric":
        """The Euclidean metric; `noise` is the `Embedder.floor` of the vectors."""
        empty = np.zeros((dimension, 0), np.float32)
        return cls(np.zeros(dimension, np.float32), empty, np.zeros(0, np.float32), noise)

    @classmethod
    def learned(cls, vectors: Floats, noise: float) -> "Metric":
        """Learns a metric from the vectors of n different tasks; `plain` if they are too few.

        Args:
            vectors: (n, dimension) float32, L2-normalised.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        if len(vectors) < MIN_TASKS or not (scatter := _scatter(vectors)).any():
            return cls.plain(vectors.shape[1], noise)
        variance, directions = np.linalg.eigh(scatter / (np.trace(scatter) / len(scatter)))
        variance = np.maximum(variance[-DIRECTIONS:], 0)
        return cls(
            np.float32(MEAN_SHARE) * vectors.mean(axis=0),
            np.ascontiguousarray(directions[:, -DIRECTIONS:]),
            variance / (variance + np.float32(DAMPING)),
            fusion.REFERENCE_NOISE,  # subtracting the mean removes what is common to all cosines
        )

    def norms(self, vectors: Floats) -> Floats:
        """(n,) float32 norms of (n, dimension) vectors; infinite for a vector of zeros.

        A vector of zeros stands for a row without an embedding: divided by the norm, it is similar
        to nothing.
        """
        embedded = vectors.any(axis=1)
        centred = vectors - self.origin
        along = centred @ self.directions
        squares = np.einsum("ij,ij->i", centred, centred) - along**2 @ self.discount
        norms = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
        return np.where(embedded, norms, np.float32(np.inf))

    def normalised(self, vectors: Floats) -> Floats:
        """(n, dimension) float32: the vectors minus the origin, scaled to norm 1."""
        return np.asarray((vectors - self.origin) / self.norms(vectors)[:, None])

    def dual(self, direction: Floats) -> Floats:
        """(dimension,) float32, whose dot product with x is this metric's inner product.

        Args:
            direction: (dimension,) relative to the origin, not zero; its norm doesn't matter.
        """
        dual = direction - self.directions @ (self.discount * (direction @ self.directions))
        return np.asarray(dual / np.sqrt(direction @ dual))

    def meaning(self, products: Floats, dual: Floats, norms: Floats) -> Floats:
        """(n,) float32, 0..1: rescaled cosines of n vectors with a direction, as `fusion.meaning`.

        Args:
            products: (n,) dot products of the vectors with `dual`.
            dual: `dual` of the direction.
            norms: (n,) `norms` of the vectors.
        """
        offset = np.float32(self.origin @ dual)
        return fusion.meaning((products - offset) / norms, self.noise)


def watermark(number: int) -> int:
    """How many of `number` executions, the first ones, the metric may be learned from.

    It grows in steps, so that the metric is learned rarely, and depends on `number` alone.
    """
    watermark, following = 0, MIN_TASKS
    while following <= number:
        watermark, following = following, int(following * GROWTH)
    return watermark


def first_of_each(tasks: NDArray[Any]) -> NDArray[np.int64]:
    """(m,) ascending positions of each task's first execution; m is at most `MAX_TASKS`.

    Args:
        tasks: (n,) task keys of executions, the latest first.
    """
    first = np.unique(tasks[:WINDOW], return_index=True)[1]
    return np.asarray(np.sort(first)[:MAX_TASKS])


def _scatter(vectors: Floats) -> Floats:
    """(dimension, dimension) scatter matrix of the differences between nearest neighbours."""
    total = np.zeros((vectors.shape[1],) * 2, np.float32)
    count = min(NEIGHBOURS, len(vectors) - 1)
    for start in range(0, len(vectors), _CHUNK):
        some = vectors[start : start + _CHUNK]
        cosines = some @ vectors.T
        cosines[cosines > _DUPLICATE] = -1.0  # the task itself is one of them
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(cosines, nearest, axis=1) > MIN_COSINE
        row, place = np.nonzero(near)
        differences = some[row] - vectors[nearest[row, place]]
        total += differences.T @ differences
    return total
