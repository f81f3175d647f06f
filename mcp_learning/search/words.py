"""BM25 over terms: which rows have a question's most informative terms, and how much of them.

A word index is a `Segment` of arrays, which may come from a file, and a tail of newer rows in a
dictionary, merged into the segment when it has grown. Rows are those of the catalog, ascending.

Scores depend on the rows that are alive and on nothing else: not on what was deleted, nor on when
segments were merged. So an index that was rebuilt gives the same answers.
"""

import math
import threading
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import among
from mcp_learning.search.terms import is_common, is_identifier, is_numeric

K1, B = 1.2, 0.75
"""Saturation of a term's count and correction for length (Robertson and Zaragoza, The Probabilistic
Relevance Framework: BM25 and Beyond, 2009); scores are flat around them (docs/tuning.md)."""

INFORMATIVE = 16
"""Terms of a question that count: generic words of long texts drown the others."""

SHARPNESS = 1.5
"""Power that a term's weight is raised to: between its own rarity and only the rarest counting."""

MOST_POSTINGS = 400_000
"""Entries that a search reads, about 5 ms: beyond it the commonest terms are left out."""

PRIOR_ROWS, PRIOR_PLAIN, PRIOR_COMMON = 20, 1, 10
"""Rows that every collection is taken to have besides its own, and how many of them have a word: a
plain one, or one of grammar. So that rarity means something among five executions, too."""

IDENTIFIER_EVIDENCE = 8.0
"""How many plain words of the same rarity one identifier counts for, in `Scores.evidence`."""

_LEAST_TAIL = 4_096
_TAIL_SHARE = 0.1
_BULK = 512


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
        """The rows first, first + 1, … with these terms; `lengths` begins at row `first`."""
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


class WordIndex:
    """The terms of rows 0..len-1. Safe to use from several threads."""

    def __init__(self, segment: Segment | None = None) -> None:
        self._lock = threading.Lock()
        self._segment = segment or Segment.empty()
        self._tail: dict[int, tuple[array[int], array[int]]] = {}
        self._lengths = np.array(self._segment.lengths)
        self._dead = np.zeros(len(self._lengths), bool)
        self._alive = len(self._lengths)
        self._total = int(self._lengths.sum())

    def __len__(self) -> int:
        return len(self._lengths)

    @property
    def segment(self) -> Segment:
        """The rows that are merged; a file may keep them."""
        return self._segment

    def add(self, counted: Sequence[Counter[int]]) -> None:
        """Appends n rows with these terms."""
        if not counted:
            return
        bulk = Segment.of(counted, len(self)) if len(counted) >= _BULK else None
        lengths = bulk.lengths if bulk else np.array([c.total() for c in counted], np.int32)
        with self._lock:
            if bulk is None:
                self._append(counted)
            self._lengths = np.concatenate([self._lengths, lengths])
            self._dead = np.concatenate([self._dead, np.zeros(len(counted), bool)])
            self._alive += len(counted)
            self._total += int(lengths.sum())
            unmerged = len(self._lengths) - len(self._segment.lengths)
            if bulk or unmerged > max(_LEAST_TAIL, _TAIL_SHARE * len(self._lengths)):
                self._merge(bulk)

    def discard(self, rows: NDArray[np.int64]) -> None:
        """Leaves rows out from now on; rows that are not here or already left out don't matter."""
        with self._lock:
            rows = rows[rows < len(self._lengths)]
            rows = np.unique(rows[~self._dead[rows]])
            self._dead = self._dead.copy()  # a search may be reading the old one
            self._dead[rows] = True
            self._alive -= len(rows)
            self._total -= int(self._lengths[rows].sum())

    def score(self, question: Counter[int]) -> Scores:
        """Scores all rows; dead ones get any score."""
        with self._lock:
            segment, lengths, alive = self._segment, self._lengths, self._alive
            dead = np.flatnonzero(self._dead) if alive < len(lengths) else None
            mean = max(self._total / max(alive, 1), 1.0)
            coverage = np.zeros(len(lengths), np.float32)
            if not question or not alive:
                return Scores(coverage, 0.0, 0.0, np.empty(0, np.int32))
            chosen = _Choice(question, segment, self._tail, dead, alive)
        flat, slope = np.float32(K1 * (1 - B)), np.float32(K1 * B / mean)
        for weight, postings in chosen.found:
            for rows, counts in postings:
                often = counts.astype(np.float32)
                saturation = often + flat + slope * lengths[rows]
                coverage[rows] += np.float32(weight) * often / saturation
        itself = chosen.score_of_question(flat, slope)
        if itself > 0:
            np.minimum(coverage / np.float32(itself), 1.0, out=coverage)
        return Scores(coverage, chosen.evidence, chosen.identifiers, chosen.named())

    def merge(self) -> Segment:
        """Moves the tail into a new segment, without what is dead; returns it."""
        with self._lock:
            self._merge(None)
            return self._segment

    def compacted(self, kept: NDArray[np.int64]) -> "WordIndex":
        """An index of the (m,) rows `kept`, ascending, which become rows 0..m-1."""
        segment = self.merge()
        number = np.full(len(self._lengths), -1, np.int32)
        number[kept[kept < len(number)]] = np.arange(np.count_nonzero(kept < len(number)))
        return WordIndex(_renumbered(segment, number))

    def _append(self, counted: Sequence[Counter[int]]) -> None:
        for row, terms in enumerate(counted, len(self._lengths)):
            for term, count in terms.items():
                rows, often = self._tail.setdefault(term, (array("i"), array("B")))
                rows.append(row)
                often.append(min(count, 255))

    def _merge(self, bulk: Segment | None) -> None:
        rest = _from_tail(self._tail)
        for newer in (rest, bulk):
            if newer is not None and len(newer.terms):
                self._segment = _merged(self._segment, newer)
        self._segment = _without(self._segment, self._dead, self._lengths)
        self._tail = {}


class _Choice:
    """The most informative terms of a question.

    Attributes:
        found: Weight and postings of those that occur and are read.
        evidence: As in `Scores`.
        identifiers: As in `Scores`.
    """

    def __init__(
        self,
        question: Counter[int],
        segment: Segment,
        tail: dict[int, tuple["array[int]", "array[int]"]],
        dead: NDArray[np.int64] | None,
        alive: int,
    ) -> None:
        self._question = question
        terms = np.fromiter(question, np.int64, len(question))
        positions = segment.positions(terms)
        sizes = np.where(positions < 0, 0, np.diff(segment.offsets, append=0)[positions])
        sizes += np.array([len(tail[t][0]) if t in tail else 0 for t in question])
        weights = [self._weigh(*one, alive) for one in zip(question, sizes.tolist(), strict=True)]
        self._known: list[tuple[float, int, list[Postings]]] = []
        # Twice as many as needed: what is dead counts in `sizes`, but must not in the end.
        occurring = [i for i in range(len(terms)) if sizes[i]]
        occurring.sort(key=lambda i: (-weights[i], terms[i]))
        for i in occurring[: 2 * INFORMATIVE]:
            term = int(terms[i])
            parts = [segment.postings(int(positions[i]))] if positions[i] >= 0 else []
            parts += [_frozen(tail[term])] if term in tail else []
            size = int(sizes[i]) - sum(_count_dead(rows, dead) for rows, _ in parts)
            if size:
                self._known.append((self._weigh(term, size, alive), term, parts))
        self._known.sort(key=lambda one: (-one[0], one[1]))
        self.found: list[tuple[float, list[Postings]]] = []
        room = MOST_POSTINGS
        for weight, _, parts in self._known[:INFORMATIVE]:
            room -= sum(len(part.rows) for part in parts)
            if room < 0:
                break
            self.found.append((weight, parts))
        # A question whose rarest words occur nowhere is covered by no row. Numbers are left out:
        # line numbers, times and addresses differ between two logs of the same error.
        unknown = [
            (weight, term)
            for weight, term, size in zip(weights, question, sizes.tolist(), strict=True)
            if not size and not is_numeric(term)
        ]
        known = [(weight, term) for weight, term, _ in self._known]
        self._best = sorted(known + unknown, reverse=True)[:INFORMATIVE]
        greatest = _rarity(PRIOR_PLAIN, alive)
        total = sum(weight for weight, _ in self._best)
        named = sum(weight for weight, term in self._best if is_identifier(term))
        self.identifiers = named / total if total else 0.0
        self.evidence = sum(
            (weight ** (1 / SHARPNESS) / math.sqrt(question[term]) / greatest)
            * (IDENTIFIER_EVIDENCE if is_identifier(term) else 1.0)
            for weight, term in self._best
        )

    def score_of_question(self, flat: np.float32, slope: np.float32) -> float:
        """What a row would get that is the question itself."""
        length = self._question.total()
        often = self._question
        return sum(
            w * often[t] / (often[t] + float(flat) + float(slope) * length) for w, t in self._best
        )

    def named(self) -> NDArray[np.int32]:
        """Rows that have every identifier among the best terms."""
        wanted = {t for _, t in self._best if is_identifier(t) and not is_numeric(t)}
        lists = [
            np.concatenate([part.rows for part in parts])
            for _, term, parts in self._known
            if term in wanted
        ]
        if not wanted or len(lists) < len(wanted):
            return np.empty(0, np.int32)
        lists.sort(key=len)
        rows = lists[0]
        for other in lists[1:]:
            rows = rows[among(rows, other)]
        return rows

    def _weigh(self, term: int, occurrences: int, alive: int) -> float:
        prior = PRIOR_COMMON if is_common(term) else PRIOR_PLAIN
        rarity = _rarity(occurrences + prior, alive)
        return math.pow(math.sqrt(self._question[term]) * rarity, SHARPNESS)


def _rarity(occurrences: int, rows: int) -> float:
    """Inverse document frequency, > 0 (Robertson and Zaragoza 2009, made positive as in Lucene).

    `occurrences` has the prior's in it, `rows` hasn't.
    """
    total = rows + PRIOR_ROWS
    return math.log1p((total - min(occurrences, total) + 0.5) / (occurrences + 0.5))


def _count_dead(rows: NDArray[np.int32], dead: NDArray[np.int64] | None) -> int:
    if dead is None:
        return 0
    few, many = (rows, dead) if len(rows) < len(dead) else (dead, rows)
    return int(among(few, many).sum())


def _frozen(postings: tuple["array[int]", "array[int]"]) -> Postings:
    rows, counts = postings
    return Postings(np.array(rows, np.int32), np.array(counts, np.uint8))


def _merged(older: Segment, newer: Segment) -> Segment:
    """Both segments' postings; rows of `newer` are higher. `lengths` are left to the caller."""
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
    return Segment(terms, offsets, rows, counts, older.lengths)


def _without(segment: Segment, dead: NDArray[np.bool_], lengths: NDArray[np.int32]) -> Segment:
    """The segment without postings of dead rows, over as many rows as `lengths` has."""
    number = np.arange(len(lengths), dtype=np.int32)
    number[dead] = -1
    kept = _renumbered(segment, number)
    return Segment(kept.terms, kept.offsets, kept.rows, kept.counts, lengths)


def _renumbered(segment: Segment, number: NDArray[np.int32]) -> Segment:
    """The segment with new numbers of rows, in the same order; those that get -1 are left out."""
    rows = number[segment.rows]
    keep = rows >= 0
    before = np.concatenate([[0], np.cumsum(keep)])
    offsets = before[segment.offsets]
    used = np.diff(offsets) > 0
    return Segment(
        segment.terms[used],
        np.append(offsets[:-1][used], offsets[-1]),
        rows[keep],
        segment.counts[keep],
        segment.lengths[number[: len(segment.lengths)] >= 0],
    )


def _from_tail(tail: dict[int, tuple["array[int]", "array[int]"]]) -> Segment | None:
    if not tail:
        return None
    terms = sorted(tail)
    postings = [_frozen(tail[term]) for term in terms]
    offsets = np.concatenate([[0], np.cumsum([len(one.rows) for one in postings])])
    rows = np.concatenate([one.rows for one in postings])
    counts = np.concatenate([one.counts for one in postings])
    return Segment(np.array(terms, np.int64), offsets, rows, counts, np.empty(0, np.int32))
