"""Immutable segments of an inverted index, each in five arrays."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tail = Mapping[int, tuple["array[int]", "array[int]"]]
"""Postings by term, (rows, counts), of the newest rows; they still grow."""


class Postings(NamedTuple):
    """The rows of a term, (n,) int32 ascending, and its count in each, (n,) uint8, at most 255."""

    rows: NDArray[np.int32]
    counts: NDArray[np.uint8]


@dataclass(frozen=True)
class Segment:
    """The postings of t terms in n rows, p in all.

    Attributes:
        terms: (t,) int64, ascending.
        offsets: (t + 1,) int64; the postings of term i are those from offsets[i] to offsets[i + 1].
        rows: (p,) int32, ascending within a term.
        counts: (p,) uint8.
        lengths: (n,) int32, number of terms in each row.
    """

    terms: NDArray[np.int64]
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint8]
    lengths: NDArray[np.int32]

    @classmethod
    def empty(cls) -> "Segment":
        """A segment without rows."""
        return cls(
            np.empty(0, np.int64),
            np.zeros(1, np.int64),
            np.empty(0, np.int32),
            np.empty(0, np.uint8),
            np.empty(0, np.int32),
        )

    @classmethod
    def of(cls, counted: Sequence[Counter[int]], first: int) -> "Segment":
        """A segment of the rows from `first` on.

        Args:
            counted: The count of each term, per row.
            first: Number of the first row.
        """
        sizes = np.fromiter(map(len, counted), np.int64, len(counted))
        total = int(sizes.sum())
        terms = np.fromiter((t for one in counted for t in one), np.int64, total)
        counts = np.fromiter((c for one in counted for c in one.values()), np.int64, total)
        order = np.argsort(terms, kind="stable")
        different, starts = np.unique(terms[order], return_index=True)
        rows = np.repeat(np.arange(first, first + len(counted), dtype=np.int32), sizes)
        lengths = np.fromiter((one.total() for one in counted), np.int32, len(counted))
        offsets = np.append(starts, total).astype(np.int64)
        saturated = np.minimum(counts[order], 255).astype(np.uint8)
        return cls(different, offsets, rows[order], saturated, lengths)

    @classmethod
    def of_tail(cls, tail: Tail, lengths: NDArray[np.int32]) -> "Segment":
        """A segment of the rows of a tail, whose (n,) lengths are given."""
        terms = sorted(tail)
        postings = [frozen(tail[term]) for term in terms]
        sizes = np.array([len(one.rows) for one in postings], np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        nothing = Postings(np.empty(0, np.int32), np.empty(0, np.uint8))
        rows = np.concatenate([one.rows for one in (*postings, nothing)])
        counts = np.concatenate([one.counts for one in (*postings, nothing)])
        return cls(np.array(terms, np.int64), offsets, rows, counts, lengths)

    def document_frequencies(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """(m,) numbers of rows that have the terms at m positions; 0 for position -1."""
        if not len(self.terms):
            return np.zeros(len(positions), np.int64)
        found = self.offsets[positions + 1] - self.offsets[positions]
        return np.where(positions < 0, 0, found)

    def positions(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """(m,) positions of m terms in `self.terms`; -1 if a term isn't there."""
        if not len(self.terms):
            return np.full(len(terms), -1)
        found = np.searchsorted(self.terms, terms)
        found[found == len(self.terms)] = 0
        return np.where(self.terms[found] == terms, found, -1)

    def postings(self, position: int) -> Postings:
        """The postings of the term at this position."""
        part = slice(self.offsets[position], self.offsets[position + 1])
        return Postings(self.rows[part], self.counts[part])


def frozen(postings: tuple["array[int]", "array[int]"]) -> Postings:
    """A copy of postings of a tail, which still grow."""
    rows, counts = postings
    return Postings(np.array(rows, np.int32), np.array(counts, np.uint8))


def merged(older: Segment, newer: Segment) -> Segment:
    """One segment of both; all rows of `older` are lower than those of `newer`."""
    both = (older, newer)
    terms = np.union1d(older.terms, newer.terms)
    positions = [np.searchsorted(terms, one.terms) for one in both]
    sizes = np.zeros(len(terms), np.int64)
    for one, at in zip(both, positions, strict=True):
        sizes[at] += np.diff(one.offsets)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = np.empty(offsets[-1], np.int32)
    counts = np.empty(offsets[-1], np.uint8)
    free = offsets[:-1].copy()  # where the next posting of each term goes
    for one, at in zip(both, positions, strict=True):
        target = np.repeat(free[at] - one.offsets[:-1], np.diff(one.offsets))
        target += np.arange(len(one.rows))
        rows[target], counts[target] = one.rows, one.counts
        free[at] += np.diff(one.offsets)
    lengths = np.concatenate([older.lengths, newer.lengths])
    return Segment(terms, offsets, rows, counts, lengths)


def without(segment: Segment, dead: NDArray[np.bool_]) -> Segment:
    """The segment without the postings of dead rows.

    Args:
        segment: A segment; its `lengths` stay as they are.
        dead: (rows,) bool, by row number.
    """
    keep = ~dead[segment.rows]
    if keep.all():
        return segment
    return _kept(segment, segment.rows, keep, segment.lengths)


def renumbered(segment: Segment, number: NDArray[np.int32]) -> Segment:
    """The segment with other row numbers.

    Args:
        segment: Its lowest row is 0.
        number: (rows,) int32, the new number of each row, ascending; -1 leaves the row out.
    """
    rows = number[segment.rows]
    return _kept(segment, rows, rows >= 0, segment.lengths[number >= 0])


def _kept(
    segment: Segment,
    rows: NDArray[np.int32],
    keep: NDArray[np.bool_],
    lengths: NDArray[np.int32],
) -> Segment:
    before = np.concatenate([[0], np.cumsum(keep)])
    offsets = before[segment.offsets]
    used = np.diff(offsets) > 0
    return Segment(
        segment.terms[used],
        np.append(offsets[:-1][used], offsets[-1]),
        rows[keep],
        segment.counts[keep],
        lengths,
    )
