"""By which measure tasks of one kind are near each other: learned from the history itself.

What the texts of a history name again and again, whatever the kind of work (its modules, services,
customers), takes up much of every vector, and says nothing about the kind. These are the directions
in which a task differs from its nearest neighbours, which are mostly of its kind: they count less.
Half of what all vectors have in common is taken away before, so that it doesn't pass for likeness;
not more, since a history of a single kind has that kind in common.

Source: relevant component analysis (N. Shental et al., "Adjustment learning and relevant component
analysis", ECCV 2002), with nearest neighbours in place of labelled groups. Measured in
docs/learning.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import fusion

Floats = NDArray[np.float32]

LEAST_TASKS = 32
"""Different tasks from which there is something to learn."""

MOST_TASKS = 1_000
"""Tasks that are learned from, the latest: their neighbours take 0.1 s to find."""

GROWTH = 1.25
"""How much a history grows before the metric is learned again."""

NEIGHBOURS = 5
"""Neighbours that a task is set against, at most; those with a cosine above `LEAST_COSINE`."""

LEAST_COSINE = 0.3

DIRECTIONS = 32
"""Directions that count less."""

DAMPING = 3.0
"""Variance between neighbours, as a multiple of the mean of all directions, from which more than
half of a direction is taken away: v / (v + this)."""

COMMON = 0.5
"""Share that is taken away of the mean of all vectors."""

_DUPLICATE = 0.9999

_CHUNK = 250

WINDOW = 4 * MOST_TASKS
"""Latest executions that are looked at: most tasks have several."""


@dataclass(frozen=True)
class Metric:
    """An inner product of vectors, and where they are measured from.

    ⟨x, y⟩ = (x - centre)ᵀ (1 - U · diag(discount) · Uᵀ) (y - centre), whose cosines are of use.

    Attributes:
        centre: (dimension,) float32.
        directions: (dimension, r) float32, the columns of U, orthonormal.
        discount: (r,) float32, 0..1.
        noise: Of its cosines, as `Embedder.floor` is of those of plain vectors.
    """

    centre: Floats
    directions: Floats
    discount: Floats
    noise: float

    @classmethod
    def plain(cls, dimension: int, noise: float) -> "Metric":
        """That of the vectors as they are, whose noise is `Embedder.floor`."""
        empty = np.zeros((dimension, 0), np.float32)
        return cls(np.zeros(dimension, np.float32), empty, np.zeros(0, np.float32), noise)

    @classmethod
    def learned(cls, vectors: Floats, noise: float) -> "Metric":
        """From the vectors of different tasks; the plain one if they are too few.

        Args:
            vectors: (n, dimension) float32, L2-normalised.
            noise: `Embedder.floor` of the model that made them.
        """
        if len(vectors) < LEAST_TASKS or not (total := _scatter(vectors)).any():
            return cls.plain(vectors.shape[1], noise)
        variance, directions = np.linalg.eigh(total / (np.trace(total) / len(total)))
        variance = np.maximum(variance[-DIRECTIONS:], 0)
        return cls(
            np.float32(COMMON) * vectors.mean(axis=0),
            np.ascontiguousarray(directions[:, -DIRECTIONS:]),
            variance / (variance + np.float32(DAMPING)),
            fusion.REFERENCE_NOISE,  # what is common to all texts of a model is common here too
        )

    def lengths(self, vectors: Floats) -> Floats:
        """(n,) float32 of (n, dimension); infinite for a row that has no vector: all zeros."""
        known = vectors.any(axis=1)
        from_centre = vectors - self.centre
        along = from_centre @ self.directions
        squares = np.einsum("ij,ij->i", from_centre, from_centre) - along**2 @ self.discount
        lengths = np.sqrt(np.maximum(squares, np.finfo(np.float32).tiny))
        return np.where(known, lengths, np.float32(np.inf))

    def units(self, vectors: Floats) -> Floats:
        """(n, dimension) float32, of length 1 by this metric, as seen from the centre."""
        return np.asarray((vectors - self.centre) / self.lengths(vectors)[:, None])

    def towards(self, direction: Floats) -> Floats:
        """(dimension,) float32 that vectors are multiplied by, for `meaning`.

        Args:
            direction: (dimension,), as seen from the centre, not zero.
        """
        dual = direction - self.directions @ (self.discount * (direction @ self.directions))
        return np.asarray(dual / np.sqrt(direction @ dual))

    def meaning(self, products: Floats, towards: Floats, lengths: Floats) -> Floats:
        """(n,) float32, 0..1: how much n vectors point a way, as `fusion.meaning`.

        Args:
            products: (n,) of the vectors with `towards`.
            towards: From `towards`.
            lengths: (n,) of the vectors, from `lengths`.
        """
        offset = np.float32(self.centre @ towards)
        return fusion.meaning((products - offset) / lengths, self.noise)


def watermark(number: int) -> int:
    """Up to which of so many embeddings a metric is learned from, so that it is learned rarely.

    It depends on the number alone, so that equal data give equal answers.
    """
    reached = 0
    following = LEAST_TASKS
    while following <= number:
        reached, following = following, int(following * GROWTH)
    return reached


def latest(tasks: NDArray[Any]) -> NDArray[np.int64]:
    """Where the first one of each task is, at most `MOST_TASKS` of them, ascending.

    Args:
        tasks: (n,) equal for runs of one task, the latest first.
    """
    first = np.unique(tasks[:WINDOW], return_index=True)[1]
    return np.asarray(np.sort(first)[:MOST_TASKS])


def _scatter(vectors: Floats) -> Floats:
    """(dimension, dimension) sum of the squares of the differences between nearest neighbours."""
    total = np.zeros((vectors.shape[1],) * 2, np.float32)
    count = min(NEIGHBOURS, len(vectors) - 1)
    for start in range(0, len(vectors), _CHUNK):
        some = vectors[start : start + _CHUNK]
        cosines = some @ vectors.T
        cosines[cosines > _DUPLICATE] = -1.0  # itself among them
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(cosines, nearest, axis=1) > LEAST_COSINE
        row, place = np.nonzero(near)
        apart = some[row] - vectors[nearest[row, place]]
        total += apart.T @ apart
    return total
