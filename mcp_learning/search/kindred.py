"""Which way tasks of one kind lie, from a single one of them.

A task's text names its kind and its instance alike ("make the flaky tests of the web shop
deterministic"), and its vector holds both. What it has in common with its nearest neighbours is
the kind: the mean of their vectors is nearer to other tasks of the kind than any of them is. This
is relevance feedback without a judge (J. Rocchio, "Relevance feedback in information retrieval",
1971). Measured in docs/learning.md.
"""

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 20
"""Neighbours that a direction is made of, at most."""

LEAST = 0.3
"""Similarity from which a task is a neighbour; those that are more similar count more."""


def nearest(similarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Where the neighbours are, at most `NEIGHBOURS`, in any order."""
    near = np.flatnonzero(similarities > LEAST)
    if len(near) > NEIGHBOURS:
        order = np.argsort(-similarities[near], kind="stable")
        near = near[order[:NEIGHBOURS]]
    return near


def direction(
    vector: NDArray[np.float32],
    neighbours: NDArray[np.float32],
    similarities: NDArray[np.float32],
) -> NDArray[np.float32]:
    """(dimension,) float32, L2-normalised: the weighted mean of a task and its neighbours.

    Args:
        vector: (dimension,) float32, L2-normalised, of the task.
        neighbours: (k, dimension) float32, of its neighbours; zero where there is none.
        similarities: (k,) float32, > `LEAST`: the weight of each grows with the square of what it
            is above that; the task itself weighs 1.
    """
    weights = ((similarities - LEAST) / (1 - LEAST)) ** 2
    mixed = vector + weights.astype(np.float32) @ neighbours
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)
