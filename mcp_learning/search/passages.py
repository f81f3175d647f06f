"""The vectors of the further passages of long descriptions, besides the matrix of first vectors.

A row may have any number of them. Their places are numbers in the order of arrival. The passages of
a row are a linked list: the row has the place of one, and each passage that of the next.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown
from mcp_learning.search.exact import DENSE_SHARE, VectorMatrix
from mcp_learning.search.pca_bounds import PcaBoundsView

Places = NDArray[np.int64]

MIN_BOUNDED = 512
"""Least number of passages for which bounds are computed, if there are any for first vectors."""

_CHUNK = 16_384


@dataclass(frozen=True)
class PassagesView:
    """The passages of n rows as of one moment.

    Attributes:
        vectors: (m, dimension) float32, L2-normalised.
        bounds: Bounds for these vectors; None if there are none.
        owners: (m,) int32, the row of each passage.
        numbers: (m,) int16, its number in the text, 1 and more.
        versions: (m,) int64, embedding versions.
        first: (n,) int32, the first place of each row plus 1; 0: none.
        following: (m,) int32, the next place of the same row plus 1; 0: none.
    """

    vectors: NDArray[np.float32]
    bounds: PcaBoundsView | None
    owners: NDArray[np.int32]
    numbers: NDArray[np.int16]
    versions: NDArray[np.int64]
    first: NDArray[np.int32]
    following: NDArray[np.int32]

    def of(self, rows: NDArray[np.int64]) -> tuple[Places, Places]:
        """Positions in (k,) rows, and places of the rows' passages, in any order."""
        first = self.first[rows]
        at = np.flatnonzero(first)
        places = first[at].astype(np.int64) - 1
        found: list[tuple[Places, Places]] = []
        while len(places):
            known = (places >= 0) & (places < len(self.vectors))  # others were added since
            at, places = at[known], places[known]
            found.append((at, places))
            places = self.following[places].astype(np.int64) - 1
        if not found:
            return at, places
        if len(found) == 1:
            return found[0]
        return np.concatenate([one for one, _ in found]), np.concatenate([p for _, p in found])

    def raise_cosines(
        self,
        cosines: NDArray[np.float32],
        vector: NDArray[np.float32],
        rows: NDArray[np.int64] | None,
    ) -> None:
        """Raises cosines of rows to those of their best passages, in place.

        Args:
            cosines: (k,) float32 of k rows, or (n,) of all.
            vector: (dimension,) float32, L2-normalised.
            rows: (k,) the rows; None: all.
        """
        if rows is None:
            self._raise_all(cosines, np.vecdot(self.vectors, vector))
        elif len(rows) > DENSE_SHARE * len(self.first):
            every = np.full(len(self.first), -1, np.float32)
            self._raise_all(every, np.vecdot(self.vectors, vector))
            np.maximum(cosines, every[rows], out=cosines)
        else:
            at, places = self.of(rows)
            if len(places):
                np.maximum.at(cosines, at, np.vecdot(self.vectors[places], vector))

    def raise_bounds(self, bounds: NDArray[np.float32], vector: NDArray[np.float32]) -> None:
        """Raises (n,) upper bounds of cosines so that they hold for all passages, in place."""
        if self.bounds is not None:
            self._raise_all(bounds, self.bounds.bounds(vector))
        else:
            self._raise_all(bounds, np.vecdot(self.vectors, vector))

    def _raise_all(self, values: NDArray[np.float32], of_passages: NDArray[np.float32]) -> None:
        owners = self.owners
        if len(owners) and int(owners.max()) >= len(values):  # rows that were added since
            inside = owners < len(values)
            owners, of_passages = owners[inside], of_passages[inside]
        np.maximum.at(values, owners, of_passages)


class Passages:
    """The passages of all rows. Not thread-safe: its owner locks. A search works on a `view`.

    Args:
        dimension: Length of the vectors.
        directory: Directory of a mapped file, as for `VectorMatrix`.
        min_bounded: See `MIN_BOUNDED`.

    Attributes:
        matrix: The vectors by place.
    """

    def __init__(
        self, dimension: int, directory: Path | None, min_bounded: int = MIN_BOUNDED
    ) -> None:
        self._dimension, self._directory, self._min_bounded = dimension, directory, min_bounded
        self.matrix = VectorMatrix(dimension, directory, min_bounded=min_bounded)
        self._first = np.zeros(0, np.int32)
        self._following = np.zeros(0, np.int32)
        self._owners = np.zeros(0, np.int32)
        self._numbers = np.zeros(0, np.int16)
        self._versions = np.zeros(0, np.int64)
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(
        self,
        rows: NDArray[np.int64],
        numbers: NDArray[np.int64],
        versions: NDArray[np.int64],
        vectors: NDArray[np.float32],
    ) -> None:
        """Adds m passages.

        Args:
            rows: (m,) rows.
            numbers: (m,) numbers of the passages in the rows' texts, from 1.
            versions: (m,) embedding versions.
            vectors: (m, dimension) float32, L2-normalised.
        """
        if not len(rows):
            return
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        places = np.arange(self._used, self._used + len(rows))
        self._reserve(int(rows[-1]) + 1, int(places[-1]) + 1)
        self.matrix.put(places, vectors[order])
        self._owners[places], self._numbers[places] = rows, numbers[order]
        self._versions[places] = versions[order]
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        ends = np.append(starts[1:], len(rows)) - 1
        self._following[places] = places + 2
        self._following[places[ends]] = self._first[rows[ends]]
        self._first[rows[starts]] = places[starts] + 1
        self._used += len(rows)

    def move(
        self, old: NDArray[np.int64], new: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Moves the passages of k rows to others; returns (m,) versions and (m,) new rows."""
        if not self._used:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        self._reserve(int(max(old.max(initial=0), new.max(initial=0))) + 1, self._used)
        at, places = self.view(len(self._first)).of(old)
        owners = self._owners.copy()  # searches use the old ones
        owners[places] = new[at]
        self._owners = owners
        self._first[new] = self._first[old]
        self._first[old] = 0
        return self._versions[places], new[at]

    def alive(self, alive: NDArray[np.bool_]) -> int:
        """Number of passages of the rows that (n,) `alive` marks."""
        return int(np.count_nonzero(alive[self._owners[: self._used]]))

    def view(self, rows: int) -> PassagesView:
        """The passages of the first rows. Passages added later don't appear in it."""
        self._reserve(rows, self._used)
        used = self._used
        return PassagesView(
            vectors=self.matrix.view(used),
            bounds=self.matrix.bounds(used),
            owners=self._owners[:used],
            numbers=self._numbers[:used],
            versions=self._versions[:used],
            first=self._first[:rows],
            following=self._following[:used],
        )

    def compacted(self, number: NDArray[np.int64]) -> "Passages":
        """The passages of the rows that are kept.

        Args:
            number: (n,) the new number of each row; -1 leaves it out.
        """
        other = Passages(self._dimension, self._directory, self._min_bounded)
        rows = number[self._owners[: self._used]]
        kept = np.flatnonzero(rows >= 0)
        for start in range(0, len(kept), _CHUNK):
            some = kept[start : start + _CHUNK]
            vectors = self.matrix.view(self._used)[some]
            numbers = self._numbers[some].astype(np.int64)
            other.add(rows[some], numbers, self._versions[some], vectors)
        other.matrix.bound_like(self.matrix)
        return other

    def release(self) -> None:
        """Gives memory back, as `VectorMatrix.release`."""
        self.matrix.release()

    def _reserve(self, rows: int, places: int) -> None:
        self._first = grown(self._first, rows)
        self._following = grown(self._following, places)
        self._owners = grown(self._owners, places)
        self._numbers = grown(self._numbers, places)
        self._versions = grown(self._versions, places)
