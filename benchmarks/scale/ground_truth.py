"""Exact nearest neighbours, and recall by distance, which ties don't distort."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

K = 10
"""Neighbours that count: recall@10."""

TOLERANCE = 1e-6
"""What float32 dot products of the same two vectors may differ by, depending on the order."""

_CHUNK = 50_000


def thresholds(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int = K
) -> NDArray[np.float32]:
    """The similarity of the k-th nearest row, exactly, for each query.

    Args:
        vectors: (rows, dimension) float32, L2-normalised; may be memory-mapped.
        queries: (n, dimension) float32, L2-normalised.
        k: Neighbours wanted, 1..; of fewer rows, the last one counts.

    Returns:
        (n,) float32 cosine similarities.
    """
    k = min(k, len(vectors))
    best = np.full((len(queries), k), -np.inf, np.float32)
    for start in range(0, len(vectors), _CHUNK):
        similarities = queries @ vectors[start : start + _CHUNK].T
        both = np.concatenate([best, similarities], axis=1)
        best = np.partition(both, both.shape[1] - k, axis=1)[:, -k:]
    least: NDArray[np.float32] = best.min(axis=1)
    return least


def recall(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32],
    answers: Sequence[NDArray[np.int64]],
    least: NDArray[np.float32],
    k: int = K,
) -> float:
    """Share of the true k nearest that answers hold, 0..1, on average over the queries.

    A returned row counts when it is at least as similar as the true k-th, whichever of several
    equally near rows it is. Its similarity is computed here from the vectors: what an index says
    of itself doesn't count. A row that is returned twice counts once.

    Args:
        vectors: (rows, dimension) float32, L2-normalised; may be memory-mapped.
        queries: (n, dimension) float32, L2-normalised.
        answers: Row numbers per query, best first; those after the k-th are left out.
        least: (n,) float32, from `thresholds` with the same k.
        k: Neighbours wanted.
    """
    found = 0
    for query, rows, threshold in zip(queries, answers, least, strict=True):
        similarities = vectors[np.unique(rows[:k])] @ query
        found += int((similarities >= threshold - TOLERANCE).sum())
    return found / (min(k, len(vectors)) * len(queries))
