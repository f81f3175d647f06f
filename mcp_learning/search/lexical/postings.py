"""Segments of an inverted index: which rows have which terms, in plain arrays that never change."""

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tail = Mapping[int, tuple["array[int]", "array[int]"]]
"""Rows and counts by term, while they still grow."""


class Postings(NamedTuple):
    """In which rows a term occurs, (n,) int32 ascending, and how often, (n,) uint8 up to 255."""

    rows: NDArray[np.int32]
    counts: NDArray[np.uint8]


@dataclass(frozen=True)
class Segment:
    """An inverted index in five arrays.

    Attributes:
        terms: (t,) int64, ascending.
        offsets: (t + 1,) int64: where each term's postings begin and end.
        rows: (p,) int32.
        counts: (p,) uint8.
        lengths: (n,) int32: terms in each row.
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
        """The rows first, first + 1, … with these terms."""
        sizes = np.fromiter(map(len, counted), np.int64, len(counted))
        total = int(sizes.sum())
        terms = np.fromiter((t for one in counted for t in one), np.int64, total)
        counts = np.fromiter((c for one in counted for c in one.values()), np.int64, total)
        order = np.argsort(terms, kind="stable")
        different, begun = np.unique(terms[order], return_index=True)
        rows = np.repeat(np.arange(first, first + len(counted), dtype=np.int32), sizes)
        lengths = np.fromiter((one.total() for one in counted), np.int32, len(counted))
        offsets = np.append(begun, total).astype(np.int64)
        saturated = np.minimum(counts[order], 255).astype(np.uint8)
        return cls(different, offsets, rows[order], saturated, lengths)

    @classmethod
    def of_tail(cls, tail: Tail, lengths: NDArray[np.int32]) -> "Segment":
        """The rows of a tail, and their (n,) lengths."""
        terms = sorted(tail)
        postings = [frozen(tail[term]) for term in terms]
        sizes = np.array([len(one.rows) for one in postings], np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        nothing = Postings(np.empty(0, np.int32), np.empty(0, np.uint8))
        rows = np.concatenate([one.rows for one in (*postings, nothing)])
        counts = np.concatenate([one.counts for one in (*postings, nothing)])
        return cls(np.array(terms, np.int64), offsets, rows, counts, lengths)

    def sizes(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many postings there are at each position; 0 for -1."""
        if not len(self.terms):
            return np.zeros(len(positions), np.int64)
        found = self.offsets[positions + 1] - self.offsets[positions]
        return np.where(positions < 0, 0, found)

    def positions(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each of the terms is in `terms`, or -1."""
        if not len(self.terms):
            return np.full(len(terms), -1)
        found = np.searchsorted(self.terms, terms)
        found[found == len(self.terms)] = 0
        return np.where(self.terms[found] == terms, found, -1)

    def postings(self, position: int) -> Postings:
        """The postings of the term at a position."""
        part = slice(self.offsets[position], self.offsets[position + 1])
        return Postings(self.rows[part], self.counts[part])


def frozen(postings: tuple["array[int]", "array[int]"]) -> Postings:
    """Postings as of now."""
    rows, counts = postings
    return Postings(np.array(rows, np.int32), np.array(counts, np.uint8))


def merged(older: Segment, newer: Segment) -> Segment:
    """Both segments in one; the rows of `newer` follow those of `older`."""
    both = (older, newer)
    terms = np.union1d(older.terms, newer.terms)
    places = [np.searchsorted(terms, one.terms) for one in both]
    sizes = np.zeros(len(terms), np.int64)
    for one, place in zip(both, places, strict=True):
        sizes[place] += np.diff(one.offsets)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    rows = np.empty(offsets[-1], np.int32)
    counts = np.empty(offsets[-1], np.uint8)
    begun = offsets[:-1].copy()
    for one, place in zip(both, places, strict=True):
        target = np.repeat(begun[place] - one.offsets[:-1], np.diff(one.offsets))
        target += np.arange(len(one.rows))
        rows[target], counts[target] = one.rows, one.counts
        begun[place] += np.diff(one.offsets)
    lengths = np.concatenate([older.lengths, newer.lengths])
    return Segment(terms, offsets, rows, counts, lengths)


def without(segment: Segment, dead: NDArray[np.bool_]) -> Segment:
    """The segment without the postings of rows that are dead, (all rows,) bool."""
    keep = ~dead[segment.rows]
    if keep.all():
        return segment
    return _kept(segment, segment.rows, keep, segment.lengths)


def renumbered(segment: Segment, number: NDArray[np.int32]) -> Segment:
    """The segment with new numbers for its rows, in the same order; those that get -1 are left out.

    Args:
        segment: Its lowest row is 0.
        number: (rows,) int32.
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
