"""The inverted index that scores rows by BM25.

It consists of immutable segments, the first of which may come from a file, and a tail of the newest
rows in a dictionary. A tail that has grown becomes a segment. Neighbouring segments of similar size
are merged, so that there are few of them and each posting is copied O(log n) times. Rows are
numbered as in the catalog.

Invariant: scores depend on the living rows alone, not on deleted rows or on which segments were
merged when. A newly built index gives the same scores.
"""

import threading
from array import array
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import grown
from mcp_learning.search.lexical.postings import Segment, frozen, merged, renumbered, without
from mcp_learning.search.lexical.query_terms import (
    DEFAULT_PARAMETERS,
    LEAST_SAMPLE,
    Bm25Parameters,
    QueryTerms,
    SampledRows,
)
from mcp_learning.search.lexical.terms import TokenisedQuery, spellings

MAX_TAIL_ROWS = 2_048
"""Number of rows at which the tail becomes a segment."""

BULK_ROWS = 64
"""Least number of rows that become a segment of their own when they are added at once."""


class LexicalScores(NamedTuple):
    """How n rows match the terms of a query.

    Attributes:
        coverage: (n,) float32, 0..1: BM25 score of each row, relative to that of a row with exactly
            the text of the query.
        evidence: >= 0: how informative the query's words are, as a number of plain words with the
            greatest inverse document frequency.
        identifiers: 0..1: share of identifiers in the weight of the query's terms.
        with_identifiers: (m,) rows that have every identifier of the query; none if it has none.
    """

    coverage: NDArray[np.float32]
    evidence: float
    identifiers: float
    with_identifiers: NDArray[np.int32]


class WordIndex:
    """The terms of rows 0 to len - 1. Safe to use from several threads, one of which may add.

    Args:
        segment: The first rows.
        max_tail_rows: See `MAX_TAIL_ROWS`.
        bulk_rows: See `BULK_ROWS`.
    """

    def __init__(
        self,
        segment: Segment | None = None,
        *,
        max_tail_rows: int = MAX_TAIL_ROWS,
        bulk_rows: int = BULK_ROWS,
    ) -> None:
        self._max_tail_rows, self._bulk_rows = max_tail_rows, bulk_rows
        self._lock = threading.Lock()
        self._segments = [segment] if segment is not None else []
        self._tail: dict[int, tuple[array[int], array[int]]] = {}
        self._merged = self._used = len(segment.lengths) if segment is not None else 0
        self._lengths = np.array(segment.lengths if segment is not None else (), np.int32)
        self._dead = np.zeros(self._used, bool)
        self._unpurged = np.empty(0, np.int64)  # dead rows that may still have postings
        self._marked: dict[bytes, tuple[int, NDArray[np.int64]]] = {}
        self._alive = self._used
        self.sample: SampledRows | None = None
        """What the rows are a sample of; None: they are all there is."""
        self._total = int(self._lengths.sum())

    def __len__(self) -> int:
        return self._used

    @property
    def segments(self) -> int:
        """Number of segments; each adds to the time of every search."""
        return len(self._segments)

    @property
    def unpurged(self) -> int:
        """Number of dead rows whose postings every search has to subtract, until `merge`."""
        return len(self._unpurged)

    def add(self, counted: Sequence[Counter[int]]) -> None:
        """Appends n rows.

        Args:
            counted: The count of each term, per row.
        """
        if not counted:
            return
        bulk = len(counted) >= self._bulk_rows
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
        if bulk or self._used - self._merged > self._max_tail_rows:
            self._flush()
            self._merge_similar()

    def discard(self, rows: NDArray[np.int64]) -> None:
        """Marks rows as dead; rows that are dead already or not in the index are ignored."""
        with self._lock:
            rows = rows[rows < self._used]
            rows = np.unique(rows[~self._dead[rows]])
            self._dead[rows] = True
            self._unpurged = np.union1d(self._unpurged, rows)
            self._alive -= len(rows)
            self._total -= int(self._lengths[rows].sum())

    def score(
        self, question: TokenisedQuery, parameters: Bm25Parameters = DEFAULT_PARAMETERS
    ) -> LexicalScores:
        """Scores all rows. The scores of dead rows are meaningless."""
        with self._lock:
            lengths, alive = self._lengths[: self._used], self._alive
            if not question.counts or not alive:
                return LexicalScores(
                    np.zeros(self._used, np.float32), 0.0, 0.0, np.empty(0, np.int32)
                )
            mean = max(self._mean_length(), 1.0)
            chosen = self._chosen(question, parameters)
        flat, slope = parameters.k1 * (1 - parameters.b), parameters.k1 * parameters.b / mean
        found = [(weight, *part) for weight, parts in chosen.postings for part in parts]
        if not found:
            coverage = np.zeros(len(lengths), np.float32)
            return LexicalScores(
                coverage, chosen.evidence, chosen.identifiers, chosen.rows_with_all_identifiers()
            )
        # All postings at once: numpy calls for each of sixteen terms would take 0.5 ms.
        rows = np.concatenate([rows for _, rows, _ in found])
        counts = np.concatenate([counts for _, _, counts in found]).astype(np.float32)
        greatest = chosen.score_of_query(flat, slope)
        weights = np.array([weight / greatest for weight, _, _ in found], np.float32)
        scores = np.repeat(weights, [len(rows) for _, rows, _ in found]) * counts
        # Otherwise a row much shorter than the query would score high for being short.
        compared = np.maximum(lengths[rows], np.float32(question.counts.total() / 3))
        scores /= counts + np.float32(flat) + np.float32(slope) * compared
        coverage = np.bincount(rows, scores, len(lengths)).astype(np.float32)
        np.minimum(coverage, np.float32(1), out=coverage)
        return LexicalScores(
            coverage, chosen.evidence, chosen.identifiers, chosen.rows_with_all_identifiers()
        )

    def most_informative(self, text: str, most: int) -> dict[int, str]:
        """The terms of a query with the greatest weights, whether any row has them or not.

        Args:
            text: The query.
            most: Most terms to return.

        Returns:
            The spelling of each term, as `spellings`.
        """
        question = TokenisedQuery.of(text)
        with self._lock:
            terms = self._chosen(question, DEFAULT_PARAMETERS).by_weight[:most]
        return spellings(text, set(terms))

    def rows_with(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows that have any of (m,) terms, ascending, including dead ones.

        Results are cached, since searches ask for the same few terms each time; a later call looks
        only at rows that were added since.
        """
        with self._lock:
            segments, used = list(self._segments), self._used
            start, known = self._marked.get(terms.tobytes(), (0, np.empty(0, np.int64)))
            if start == used:
                return known
            newest = [frozen(self._tail[one]).rows for one in terms.tolist() if one in self._tail]
        older = [
            segment.postings(int(at)).rows
            for segment in segments
            for at in segment.positions(terms)
            if at >= 0
        ]
        marked = np.zeros(used - start, bool)
        for rows in (*older, *newest):
            marked[rows[np.searchsorted(rows, start) :] - start] = True
        found = np.concatenate([known, start + np.flatnonzero(marked)])
        self._marked[terms.tobytes()] = used, found
        return found

    def merge(self) -> Segment:
        """Merges everything into one segment without postings of dead rows, and returns it."""
        self._flush()
        while len(self._segments) > 1:
            self._merge_last_two()
        with self._lock:
            segment = self._segments[0] if self._segments else Segment.empty()
            segment = without(segment, self._dead)
            self._segments, self._unpurged = [segment], np.empty(0, np.int64)
            return segment

    def compacted(self, kept: NDArray[np.int64]) -> "WordIndex":
        """An index of the rows `kept`.

        Args:
            kept: (m,) ascending; they become rows 0 to m - 1.
        """
        segment = self.merge()
        number = np.full(len(segment.lengths), -1, np.int32)
        here = kept[kept < len(number)]
        number[here] = np.arange(len(here))
        sizes = {"max_tail_rows": self._max_tail_rows, "bulk_rows": self._bulk_rows}
        return WordIndex(renumbered(segment, number), **sizes)

    def _chosen(self, question: TokenisedQuery, parameters: Bm25Parameters) -> QueryTerms:
        index = self._segments, self._tail, self._unpurged, self._alive
        return QueryTerms(question, *index, parameters, self.sample)

    def _mean_length(self) -> float:
        """Mean number of terms of living rows; of those not fetched, if they are enough."""
        if self.sample is not None:
            fetched = self.sample.fetched[:-1][: self._used]
            counted = ~self._dead[: self._used]
            counted[: len(fetched)] &= ~fetched
            if np.count_nonzero(counted) >= LEAST_SAMPLE:
                return float(self._lengths[: self._used][counted].mean())
        return self._total / self._alive

    def _append(self, counted: Sequence[Counter[int]]) -> None:
        for row, terms in enumerate(counted, self._used):
            for term, count in terms.items():
                rows, counts = self._tail.setdefault(term, (array("i"), array("B")))
                rows.append(row)
                counts.append(min(count, 255))

    def _reserve(self, rows: int) -> None:
        self._lengths = grown(self._lengths, rows)
        self._dead = grown(self._dead, rows)

    def _flush(self) -> None:
        """Turns the tail into a segment."""
        with self._lock:
            lengths = self._lengths[self._merged : self._used].copy()
            if len(lengths):
                segment = Segment.of_tail(self._tail, lengths)
                self._segments = [*self._segments, segment]
                self._tail, self._merged = {}, self._used

    def _merge_similar(self) -> None:
        while len(self._segments) > 1:
            older, newer = (len(segment.rows) for segment in self._segments[-2:])
            if older > 2 * newer:
                return
            self._merge_last_two()

    def _merge_last_two(self) -> None:
        *others, older, newer = self._segments
        segment = without(merged(older, newer), self._dead)  # the lock isn't held: searches go on
        with self._lock:
            self._segments = [*others, segment]
