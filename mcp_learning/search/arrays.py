"""Operations on numpy arrays: amortised growth, membership in sorted arrays, top k."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MIN_ROWS = 1024
_BLOCK = 256


def grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """The array, or a copy of at least `rows` rows if it has fewer; new rows are zero.

    A copy has at least twice as many rows, so n appends copy O(n) rows. Rows that are never written
    take no memory, since the system allocates zeroed pages at their first use.
    """
    if len(array) >= rows:
        return array
    larger = np.zeros((max(rows, 2 * len(array), _MIN_ROWS), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def is_in_sorted(values: NDArray[Any], ascending: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) bool: which of n values are in a sorted array of m, in O(n log m)."""
    if not len(ascending):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return np.asarray(ascending[at] == values)


def top_k(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Positions of the k greatest values, greatest first, and of all that equal the last one."""
    if k >= len(values):
        return np.argsort(-values, kind="stable")
    near = np.flatnonzero(values >= top_k_bound(values, k))
    found = values[near]
    least = np.partition(found, len(found) - k)[-k]
    chosen = near[found >= least]
    return np.asarray(chosen[np.argsort(-values[chosen], kind="stable")])


def top_k_bound(values: NDArray[np.float32], k: int) -> float:
    """A value that at least k of the values reach, and few more than k; -inf if there are few.

    It is the k-th greatest of the maxima of blocks, found in one pass at the speed of memory.
    """
    blocks = len(values) // _BLOCK
    if blocks <= k:
        return -np.inf
    maxima = values[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
    return float(np.partition(maxima, blocks - k)[-k])
