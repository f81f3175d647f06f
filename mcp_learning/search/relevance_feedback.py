"""Pseudo-relevance feedback: finds tasks of the same kind as a given task.

The text of a task names its kind and its instance ("make the flaky tests of the web shop
deterministic"), and its vector holds both. The mean of its vector and those of its nearest
neighbours holds mainly the kind, and is nearer to other tasks of that kind than the vectors
themselves are.

Source: J. Rocchio, "Relevance feedback in information retrieval", 1971; the nearest neighbours take
the place of documents that a user has marked as relevant. docs/learning.md has the measurements.
"""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import top_k
from mcp_learning.search.exact import cosines
from mcp_learning.search.metric import Metric

NEIGHBOURS = 20
"""Most neighbours that the mean is taken of."""

MIN_SIMILARITY = 0.3
"""Similarity above which a task is a neighbour."""


def kind_similarities(
    plain: NDArray[np.float32],
    vector: NDArray[np.float32],
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64] | None,
    metric: Metric,
    norms: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(m,) float32, 0..1: how similar m tasks are to the query's kind of work.

    It is the similarity of a task to the query or to the mean of the query and its neighbours,
    whichever is greater.

    Args:
        plain: (m,) float32, 0..1, similarities to the query.
        vector: (dimension,) float32, L2-normalised, of the query.
        vectors: (n, dimension) float32, L2-normalised; zero without an embedding.
        rows: (m,) rows of the m tasks; None: all n.
        metric: For the comparison with the mean.
        norms: (m,) float32 norms of the m vectors by that metric.
    """
    dual = dual_of_kind(metric, vector, vectors, plain, rows)
    kind = metric.meaning(cosines(vectors, dual, rows), dual, norms)
    return np.minimum(np.maximum(plain, kind), np.float32(1))


def dual_of_kind(
    metric: Metric,
    vector: NDArray[np.float32],
    vectors: NDArray[np.float32],
    plain: NDArray[np.float32],
    rows: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """(dimension,) float32: `Metric.dual` of the query's kind of work.

    The arguments are those of `kind_similarities`.
    """
    near = neighbours(plain)
    at = near if rows is None else rows[near]
    return metric.dual(mean_direction(metric, vector, vectors[at], plain[near]))


def neighbours(similarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positions of the neighbours, at most `NEIGHBOURS`, in any order."""
    near = np.flatnonzero(similarities > MIN_SIMILARITY)
    if len(near) > NEIGHBOURS:
        near = near[top_k(similarities[near], NEIGHBOURS)[:NEIGHBOURS]]
    return near


def mean_direction(
    metric: Metric,
    vector: NDArray[np.float32],
    vectors: NDArray[np.float32],
    similarities: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(dimension,) float32: the weighted mean of a task and its neighbours, normalised by a metric.

    The task has weight 1, a neighbour ((s - `MIN_SIMILARITY`) / (1 - `MIN_SIMILARITY`))².

    Args:
        metric: Normalises the vectors.
        vector: (dimension,) float32, L2-normalised, of the task.
        vectors: (k, dimension) float32 of the neighbours; zero without an embedding.
        similarities: (k,) float32, of the neighbours, > `MIN_SIMILARITY`.
    """
    weights = ((similarities - MIN_SIMILARITY) / (1 - MIN_SIMILARITY)) ** 2
    normalised = metric.normalised(np.vstack([vector, vectors]))
    return np.asarray(np.append(np.float32(1), weights).astype(np.float32) @ normalised)
