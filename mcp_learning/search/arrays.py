"""Arrays that grow at their end, membership in sorted ones, and the greatest of many values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 1024
_BLOCK = 256


def grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """The array, or a copy with more room when it has fewer than `rows` rows; new ones are zero.

    The copy has twice the room, so that n appends copy O(n) rows. What is never written costs no
    memory: the system gives zeroed pages out at first use.
    """
    if len(array) >= rows:
        return array
    larger = np.zeros((max(rows, 2 * len(array), _LEAST), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def among(values: NDArray[Any], ascending: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) bool: which of n values are in a sorted array of m, in time n log m."""
    if not len(ascending):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.asarray(ascending[at] == values)


def top(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Where the k greatest are, best first, and all that tie for the last place."""
    if k >= len(values):
        return np.argsort(-values, kind="stable")
    near = np.flatnonzero(values >= reached(values, k))
    found = values[near]
    least = np.partition(found, len(found) - k)[-k]
    chosen = near[found >= least]
    return np.asarray(chosen[np.argsort(-values[chosen], kind="stable")])


def reached(values: NDArray[np.float32], k: int) -> float:
    """A bound that at least k of the values reach, and few more: fewer have to be told apart then.

    The k greatest maxima of blocks are k different values, found in one pass of the memory's speed.
    """
    blocks = len(values) // _BLOCK
    if blocks <= k:
        return -np.inf
    maxima = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
    return float(np.partition(maxima, blocks - k)[-k])
