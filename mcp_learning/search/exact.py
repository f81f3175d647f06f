"""Exact nearest neighbours: all vectors in one float32 matrix, scanned by a dot product."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST_CAPACITY = 1024


@dataclass(frozen=True)
class Neighbours:
    """Best first; equal similarities: newest version first.

    Attributes:
        versions: (k,) int64 embedding versions.
        similarities: (k,) float32 cosine similarities, -1..1.
    """

    versions: NDArray[np.int64]
    similarities: NDArray[np.float32]

    def only(self, versions: NDArray[np.int64]) -> "Neighbours":
        """Those that are among `versions`."""
        keep = np.isin(self.versions, versions)
        return Neighbours(self.versions[keep], self.similarities[keep])


class Matrix:
    """L2-normalised vectors by embedding version. Safe to use from several threads.

    Rows are appended, and marked dead when the truth no longer has them; the dead are swept out
    once they are half of all. A search works on a snapshot, so it never waits for an append.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._lock = threading.Lock()
        self._versions = np.empty(_FIRST_CAPACITY, np.int64)
        self._vectors = np.empty((_FIRST_CAPACITY, dimension), np.float32)
        self._dead = np.zeros(_FIRST_CAPACITY, bool)
        self._used = 0
        self._dead_count = 0

    def __len__(self) -> int:
        return self._used - self._dead_count

    def append(self, versions: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Adds n rows: (n,) versions not in here yet, (n, dimension) float32, L2-normalised."""
        with self._lock:
            end = self._used + len(versions)
            if end > len(self._versions):
                self._resize(max(end, 2 * len(self._versions)))
            self._versions[self._used : end] = versions
            self._vectors[self._used : end] = vectors
            self._used = end

    def discard(self, versions: NDArray[np.int64]) -> None:
        """Marks rows dead; versions that are not here are passed over."""
        with self._lock:
            fresh = np.isin(self._versions[: self._used], versions) & ~self._dead[: self._used]
            self._dead[: self._used] |= fresh
            self._dead_count += int(fresh.sum())
            if self._dead_count * 2 > max(self._used, _FIRST_CAPACITY):
                self._sweep()

    def search(
        self, vector: NDArray[np.float32], k: int, allowed: NDArray[np.int64] | None = None
    ) -> Neighbours:
        """The k most similar rows, fewer if there are fewer.

        Args:
            vector: (dimension,) float32, L2-normalised.
            k: How many, at least 1.
            allowed: Versions to which the search is restricted; None for all.
        """
        with self._lock:
            versions = self._versions[: self._used]
            vectors = self._vectors[: self._used]
            excluded = self._dead[: self._used].copy() if self._dead_count else None
        if allowed is not None:
            outside = np.isin(versions, allowed, invert=True)
            excluded = outside if excluded is None else excluded | outside
        similarities = vectors @ vector
        if excluded is not None:
            keep = np.flatnonzero(~excluded)
            versions, similarities = versions[keep], similarities[keep]
        return _top(versions, similarities, k)

    def _resize(self, capacity: int) -> None:
        self._versions = _grown(self._versions, capacity)
        self._vectors = _grown(self._vectors, capacity)
        self._dead = _grown(self._dead, capacity)
        self._dead[self._used :] = False

    def _sweep(self) -> None:
        keep = ~self._dead[: self._used]
        # New arrays, since a search may still be reading views of the old ones.
        self._versions = self._versions[: self._used][keep]
        self._vectors = self._vectors[: self._used][keep]
        self._used = len(self._versions)
        self._dead = np.zeros(self._used, bool)
        self._dead_count = 0


def _top(versions: NDArray[np.int64], similarities: NDArray[np.float32], k: int) -> Neighbours:
    if k < len(versions):
        least = np.partition(similarities, len(similarities) - k)[-k]
        chosen = np.flatnonzero(similarities >= least)  # all that tie for the last place
        versions, similarities = versions[chosen], similarities[chosen]
    order = np.lexsort((-versions, -similarities))[:k]
    return Neighbours(versions[order], similarities[order])


def _grown(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    larger = np.empty((capacity, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def merge(first: Neighbours, second: Neighbours, k: int) -> Neighbours:
    """The k best of both."""
    return _top(
        np.concatenate([first.versions, second.versions]),
        np.concatenate([first.similarities, second.similarities]),
        k,
    )
