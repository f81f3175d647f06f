"""Arrays that grow at their end, and membership in sorted ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEAST = 1024


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
