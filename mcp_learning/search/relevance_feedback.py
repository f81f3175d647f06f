"""Which way tasks of one kind lie, from a single one of them.

A task's text names its kind and its instance alike ("make the flaky tests of the web shop
deterministic"), and its vector holds both. What it has in common with its nearest neighbours is
the kind: the mean of their vectors is nearer to other tasks of the kind than any of them is. This
is relevance feedback without a judge (J. Rocchio, "Relevance feedback in information retrieval",
1971). Measured in docs/learning.md.
"""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.exact import cosines
from mcp_learning.search.metric import Metric

NEIGHBOURS = 20
"""Neighbours that a direction is made of, at most."""

LEAST = 0.3
"""Similarity from which a task is a neighbour; those that are more similar count more."""


def alike(
    plain: NDArray[np.float32],
    vector: NDArray[np.float32],
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    metric: Metric,
    lengths: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(m,) float32, 0..1: how much m tasks are of one kind with the task at hand.

    That is their similarity with it, or, if it is more, how near they are to what it and its
    neighbours have in common.

    Args:
        plain: (m,) float32, 0..1, similarities.
        vector: (dimension,) float32, L2-normalised, of the task at hand.
        vectors: (n, dimension) float32, L2-normalised; zero where there is none.
        rows: (m,) which of them are the m tasks'.
        metric: By which they are compared.
        lengths: (m,) float32, theirs by the metric.
    """
    near = nearest(plain)
    towards = direction(metric, vector, vectors[rows[near]], plain[near])
    kind = metric.meaning(cosines(vectors, towards, rows), towards, lengths)
    return np.minimum(np.maximum(plain, kind), np.float32(1))


def nearest(similarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where the neighbours are, at most `NEIGHBOURS`, in any order."""
    near = np.flatnonzero(similarities > LEAST)
    if len(near) > NEIGHBOURS:
        order = np.argsort(-similarities[near], kind="stable")
        near = near[order[:NEIGHBOURS]]
    return near


def direction(
    metric: Metric,
    vector: NDArray[np.float32],
    neighbours: NDArray[np.float32],
    similarities: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(dimension,) float32 for `Metric.meaning`: the weighted mean of a task and its neighbours.

    Args:
        metric: By which they are of one length.
        vector: (dimension,) float32, L2-normalised, of the task.
        neighbours: (k, dimension) float32, of its neighbours; zero where there is none.
        similarities: (k,) float32, > `LEAST`: the weight of each grows with the square of what it
            is above that; the task itself weighs 1.
    """
    weights = ((similarities - LEAST) / (1 - LEAST)) ** 2
    units = metric.units(np.vstack([vector, neighbours]))
    return metric.towards(np.append(np.float32(1), weights).astype(np.float32) @ units)
