"""The question's side of BM25: which of its terms count, and how much.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009, with three
changes that docs/tuning.md measures: only the most informative terms count, a term's weight is
sharpened, and rarity has a prior.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import among
from mcp_learning.search.lexical.postings import Postings, Segment, Tail, frozen
from mcp_learning.search.lexical.terms import Question, is_common

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


class Choice:
    """The most informative terms of a question.

    Args:
        question: Its terms.
        segments: Of the index, in the order of their rows.
        tail: The rows that are in no segment.
        dead: (d,) dead rows, ascending, that postings may still have.
        alive: How many rows aren't dead.

    Attributes:
        found: Weight and postings of those that occur and are read.
        evidence: As in `Scores`.
        identifiers: As in `Scores`.
    """

    def __init__(
        self,
        question: Question,
        segments: Sequence[Segment],
        tail: Tail,
        dead: NDArray[np.int64],
        alive: int,
    ) -> None:
        self._question = question
        sizes, parts_of = _occurrences(question.counts, segments, tail, dead)
        rarity = {term: _rarity(size + _prior(term), alive) for term, size in sizes.items()}
        often = question.counts
        weighed = [
            (math.pow(math.sqrt(often[term]) * rare, SHARPNESS), term)
            for term, rare in rarity.items()
        ]
        # Equal weights are told apart by the terms, so that any order of reading gives the same.
        known = sorted((one for one in weighed if sizes[one[1]]), reverse=True)[:INFORMATIVE]
        self._known = [(weight, term, parts_of(term)) for weight, term in known]
        self.found: list[tuple[float, list[Postings]]] = []
        room = MOST_POSTINGS
        for weight, term, parts in self._known:
            room -= sizes[term]
            if room < 0:
                break
            self.found.append((weight, parts))
        # A question whose rarest words occur nowhere is covered by no row. Numbers are left out:
        # line numbers, times and addresses differ between two logs of the same error.
        unknown = [one for one in weighed if not sizes[one[1]] and one[1] not in question.numeric]
        self._best = sorted(known + unknown, reverse=True)[:INFORMATIVE]
        greatest = _rarity(PRIOR_PLAIN, alive)
        total = sum(weight for weight, _ in self._best)
        named = sum(weight for weight, term in self._best if term in question.identifiers)
        self.identifiers = named / total if total else 0.0
        self.evidence = sum(
            rarity[term] / greatest * (IDENTIFIER_EVIDENCE if term in question.identifiers else 1.0)
            for _, term in self._best
        )

    def score_of_question(self, flat: float, slope: float) -> float:
        """What a row would get that is the question itself, > 0 if any term counts."""
        often = self._question.counts
        fixed = flat + slope * often.total()
        return sum(weight * often[term] / (often[term] + fixed) for weight, term in self._best)

    def named(self) -> NDArray[np.int32]:
        """Rows that have every identifier among the best terms."""
        wanted = {t for _, t in self._best} & self._question.identifiers - self._question.numeric
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


def _prior(term: int) -> int:
    return PRIOR_COMMON if is_common(term) else PRIOR_PLAIN


def _rarity(occurrences: int, rows: int) -> float:
    """Inverse document frequency, > 0 (Robertson and Zaragoza 2009, made positive as in Lucene).

    `occurrences` has the prior's in it, `rows` hasn't.
    """
    total = rows + PRIOR_ROWS
    return math.log1p((total - min(occurrences, total) + 0.5) / (occurrences + 0.5))


def _occurrences(
    question: Counter[int], segments: Sequence[Segment], tail: Tail, dead: NDArray[np.int64]
) -> tuple[dict[int, int], Callable[[int], list[Postings]]]:
    """In how many living rows each term occurs, and a way to its postings, dead ones included."""
    terms = np.fromiter(question, np.int64, len(question))
    positions = [segment.positions(terms) for segment in segments]
    found = np.array([len(tail[t][0]) if t in tail else 0 for t in question], np.int64)
    for segment, at in zip(segments, positions, strict=True):
        found += segment.sizes(at)
    number = {term: i for i, term in enumerate(question)}

    def parts_of(term: int) -> list[Postings]:
        places = [
            (segment, at[number[term]]) for segment, at in zip(segments, positions, strict=True)
        ]
        parts = [segment.postings(int(at)) for segment, at in places if at >= 0]
        return [*parts, frozen(tail[term])] if term in tail else parts

    sizes = dict(zip(question, found.tolist(), strict=True))
    if len(dead):
        for term, size in sizes.items():
            if size:
                sizes[term] -= sum(_count_dead(rows, dead) for rows, _ in parts_of(term))
    return sizes, parts_of


def _count_dead(rows: NDArray[np.int32], dead: NDArray[np.int64]) -> int:
    few, many = (rows, dead) if len(rows) < len(dead) else (dead, rows)
    return int(among(few, many).sum())
