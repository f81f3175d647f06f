"""BM25 over terms: which rows have a question's most informative terms, and how much of them.

A word index is a list of `Segment`s, the first of which may come from a file, and a tail of newer
rows in a dictionary. The tail becomes a segment when it has grown; neighbouring segments of like
size are merged, so that there are few, and each posting is copied a logarithmic number of times.
Rows are those of the catalog, ascending.

Scores depend on the rows that are alive and on nothing else: not on what was deleted, nor on when
segments were merged. So an index that was rebuilt gives the same answers.
"""

import threading
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown
from mcp_learning.search.lexical.postings import Segment, merged, renumbered, without
from mcp_learning.search.lexical.query_terms import Choice
from mcp_learning.search.lexical.terms import Question

K1, B = 1.2, 0.75
"""Saturation of a term's count and correction for length (Robertson and Zaragoza, The Probabilistic
Relevance Framework: BM25 and Beyond, 2009); scores are flat around them (docs/tuning.md)."""

_LONGEST_TAIL = 2_048
_BULK = 256


class Scores(NamedTuple):
    """What the words of a question say about n rows.

    Attributes:
        coverage: (n,) float32, 0..1: how much of the question's informative terms a row has, by
            their weights, relative to a row that is the question itself.
        evidence: >= 0: how much there was to be matched, in plain words of the greatest rarity.
        identifiers: 0..1: share of identifiers in the weight of the question's terms.
        named: (m,) rows that have every identifier of the question; none if it has none.
    """

    coverage: NDArray[np.float32]
    evidence: float
    identifiers: float
    named: NDArray[np.int32]


class WordIndex:
    """The terms of rows 0..len-1. Safe to use from several threads; one at a time may add."""

    def __init__(self, segment: Segment | None = None) -> None:
        self._lock = threading.Lock()
        self._segments = [segment] if segment is not None else []
        self._tail: dict[int, tuple[array[int], array[int]]] = {}
        self._merged = self._used = len(segment.lengths) if segment is not None else 0
        self._lengths = np.array(segment.lengths if segment is not None else (), np.int32)
        self._dead = np.zeros(self._used, bool)
        self._unpurged = np.empty(0, np.int64)  # dead rows that may still have postings
        self._alive = self._used
        self._total = int(self._lengths.sum())

    def __len__(self) -> int:
        return self._used

    @property
    def unpurged(self) -> int:
        """Dead rows that searches have to leave out one by one, until the next `merge`."""
        return len(self._unpurged)

    def add(self, counted: Sequence[Counter[int]]) -> None:
        """Appends n rows with these terms."""
        if not counted:
            return
        bulk = len(counted) >= _BULK
        if bulk:
            self._flush()
        segment = Segment.of(counted, self._used) if bulk else None
        lengths = np.array([terms.total() for terms in counted], np.int32)
        with self._lock:
            if segment is None:
                self._append(counted)
            else:
                self._segments = [*self._segments, segment]
                self._merged += len(counted)
            self._reserve(self._used + len(counted))
            self._lengths[self._used : self._used + len(counted)] = lengths
            self._used += len(counted)
            self._alive += len(counted)
            self._total += int(lengths.sum())
        if bulk or self._used - self._merged > _LONGEST_TAIL:
            self._flush()
            self._merge_alike()

    def discard(self, rows: NDArray[np.int64]) -> None:
        """Leaves rows out from now on; rows that are not here or already left out don't matter."""
        with self._lock:
            rows = rows[rows < self._used]
            rows = np.unique(rows[~self._dead[rows]])
            self._dead[rows] = True
            self._unpurged = np.union1d(self._unpurged, rows)
            self._alive -= len(rows)
            self._total -= int(self._lengths[rows].sum())

    def score(self, question: Question) -> Scores:
        """Scores all rows; dead ones get any score."""
        with self._lock:
            lengths, alive = self._lengths[: self._used], self._alive
            if not question.counts or not alive:
                return Scores(np.zeros(self._used, np.float32), 0.0, 0.0, np.empty(0, np.int32))
            mean = max(self._total / alive, 1.0)
            chosen = Choice(question, self._segments, self._tail, self._unpurged, alive)
        flat, slope = K1 * (1 - B), K1 * B / mean
        found = [(weight, *postings) for weight, parts in chosen.found for postings in parts]
        if not found:
            coverage = np.zeros(len(lengths), np.float32)
            return Scores(coverage, chosen.evidence, chosen.identifiers, chosen.named())
        # All postings in one go: calls for each of sixteen terms take half a millisecond.
        rows = np.concatenate([rows for _, rows, _ in found])
        often = np.concatenate([counts for _, _, counts in found]).astype(np.float32)
        itself = chosen.score_of_question(flat, slope)
        weights = np.array([weight / itself for weight, _, _ in found], np.float32)
        gained = np.repeat(weights, [len(part) for _, part, _ in found]) * often
        gained /= often + np.float32(flat) + np.float32(slope) * lengths[rows]
        coverage = np.bincount(rows, gained, len(lengths)).astype(np.float32)
        np.minimum(coverage, np.float32(1), out=coverage)
        return Scores(coverage, chosen.evidence, chosen.identifiers, chosen.named())

    def merge(self) -> Segment:
        """Merges everything into one segment, without what is dead; returns it."""
        self._flush()
        while len(self._segments) > 1:
            self._merge_last_two()
        with self._lock:
            segment = self._segments[0] if self._segments else Segment.empty()
            segment = without(segment, self._dead)
            self._segments, self._unpurged = [segment], np.empty(0, np.int64)
            return segment

    def compacted(self, kept: NDArray[np.int64]) -> "WordIndex":
        """An index of the (m,) rows `kept`, ascending, which become rows 0..m-1."""
        segment = self.merge()
        number = np.full(len(segment.lengths), -1, np.int32)
        here = kept[kept < len(number)]
        number[here] = np.arange(len(here))
        return WordIndex(renumbered(segment, number))

    def _append(self, counted: Sequence[Counter[int]]) -> None:
        for row, terms in enumerate(counted, self._used):
            for term, count in terms.items():
                rows, often = self._tail.setdefault(term, (array("i"), array("B")))
                rows.append(row)
                often.append(min(count, 255))

    def _reserve(self, rows: int) -> None:
        self._lengths = grown(self._lengths, rows)
        self._dead = grown(self._dead, rows)

    def _flush(self) -> None:
        """Makes the tail a segment."""
        with self._lock:
            lengths = self._lengths[self._merged : self._used].copy()
            if len(lengths):
                segment = Segment.of_tail(self._tail, lengths)
                self._segments = [*self._segments, segment]
                self._tail, self._merged = {}, self._used

    def _merge_alike(self) -> None:
        while len(self._segments) > 1:
            older, newer = (len(segment.rows) for segment in self._segments[-2:])
            if older > 2 * newer:
                return
            self._merge_last_two()

    def _merge_last_two(self) -> None:
        *others, older, newer = self._segments
        segment = without(merged(older, newer), self._dead)  # meanwhile, searches go on
        with self._lock:
            self._segments = [*others, segment]
