"""The query's side of BM25: which of its terms count, and with which weights.

S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, with
three changes that docs/tuning.md measures: only the most informative terms count, their weights are
raised to a power, and document frequencies have a prior.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.arrays import is_in_sorted
from mcp_learning.search.lexical.postings import Postings, Segment, Tail, frozen
from mcp_learning.search.lexical.terms import TokenisedQuery, is_stop_word

INFORMATIVE = 16
"""Terms of a query that count. With all terms, the generic words of a long text outweigh the
informative ones."""

SHARPNESS = 1.5
"""Power that a term's weight is raised to. 1 is plain BM25; the greater it is, the more the rarest
terms decide."""

MOST_POSTINGS = 400_000
"""Most postings that one search reads, in about 5 ms; the commonest terms beyond are left out."""

K1, B = 1.2, 0.75
"""Saturation by term count, and normalisation by length (Robertson and Zaragoza 2009). Results are
insensitive to them (docs/tuning.md)."""

PRIOR_ROWS, PRIOR_PLAIN, PRIOR_COMMON = 20, 1, 10
"""Fictitious rows added to every collection, and how many of them have each plain word and each
stop word. Without them, document frequencies of a collection of five rows would be meaningless."""

IDENTIFIER_EVIDENCE = 8.0
"""How many plain words of the same document frequency an identifier counts as in
`LexicalScores.evidence`."""


@dataclass(frozen=True)
class Bm25Parameters:
    """Constants of the score; the defaults are those that searches use.

    Attributes:
        informative: See `INFORMATIVE`, >= 1.
        sharpness: See `SHARPNESS`, > 0.
        most_postings: See `MOST_POSTINGS`, >= 0.
        k1: See `K1`, > 0.
        b: See `B`, 0..1.
    """

    informative: int = INFORMATIVE
    sharpness: float = SHARPNESS
    most_postings: int = MOST_POSTINGS
    k1: float = K1
    b: float = B


LEAST_SAMPLE = 500
"""Least number of rows, other than fetched ones, from which document frequencies are estimated; if
there are fewer, fetched rows count, too."""

DEFAULT_PARAMETERS = Bm25Parameters()


class SampledRows(NamedTuple):
    """What the rows of a host that holds only a part of a team's executions are a sample of.

    Attributes:
        fetched: (n + 1,) whether each of the first n rows was fetched for a question, and so isn't
            part of the sample; the last element, False, is for all further rows.
        total: Number of executions that the other rows are a sample of.
        frequencies: Document frequencies among these, of terms for which they were counted.
    """

    fetched: NDArray[np.bool_]
    total: int
    frequencies: Mapping[int, int]


class QueryTerms:
    """The most informative terms of a query, with their weights and postings.

    Args:
        query: All terms of the query.
        segments: Segments of the index, in the order of their rows.
        tail: Rows that are in no segment yet.
        dead: (d,) dead rows, ascending, whose postings may still be there.
        alive: Number of living rows.
        parameters: Constants of the score.
        sample: What the rows are a sample of; None: they are all there is.

    Attributes:
        by_weight: All terms, the most informative ones first.
        postings: Weight and postings of each selected term that occurs in the index, by descending
            weight; the terms beyond `most_postings` entries are left out.
        evidence: As in `LexicalScores`.
        identifiers: As in `LexicalScores`.
    """

    def __init__(
        self,
        query: TokenisedQuery,
        segments: Sequence[Segment],
        tail: Tail,
        dead: NDArray[np.int64],
        alive: int,
        parameters: Bm25Parameters,
        sample: SampledRows | None = None,
    ) -> None:
        self._query = query
        local, postings_of = _document_frequencies(query.counts, segments, tail, dead)
        frequencies, rows = local, alive
        if sample is not None:
            frequencies, rows = _estimated(local, postings_of, alive, sample)
        idf = {
            term: _inverse_document_frequency(frequency + _prior(term), rows)
            for term, frequency in frequencies.items()
        }
        # Ties are broken by the term, so that the result doesn't depend on the order of the text.
        weighted = sorted(
            (
                (math.pow(math.sqrt(query.counts[term]) * value, parameters.sharpness), term)
                for term, value in idf.items()
            ),
            reverse=True,
        )
        self.by_weight = [term for _, term in weighted]
        present = [one for one in weighted if frequencies[one[1]]][: parameters.informative]
        self._present = [(weight, term, postings_of(term)) for weight, term in present]
        self.postings: list[tuple[float, list[Postings]]] = []
        remaining = parameters.most_postings
        for weight, term, parts in self._present:
            remaining -= local[term]
            if remaining < 0:
                break
            self.postings.append((weight, parts))
        # Absent terms lower the coverage of all rows, except numbers: line numbers, times and
        # addresses differ between two logs of the same error.
        absent = [
            one for one in weighted if not frequencies[one[1]] and one[1] not in query.numeric
        ]
        self._best = sorted(present + absent, reverse=True)[: parameters.informative]
        greatest = _inverse_document_frequency(PRIOR_PLAIN, rows)
        total = sum(weight for weight, _ in self._best)
        of_identifiers = sum(weight for weight, term in self._best if term in query.identifiers)
        self.identifiers = of_identifiers / total if total else 0.0
        self.evidence = sum(
            idf[term] / greatest * (IDENTIFIER_EVIDENCE if term in query.identifiers else 1.0)
            for _, term in self._best
        )

    def score_of_query(self, flat: float, slope: float) -> float:
        """The score that a row with exactly the text of the query would get.

        Args:
            flat: k1 · (1 - b).
            slope: k1 · b / mean length.

        Returns:
            > 0 if the query has any term that counts, else 0.
        """
        counts = self._query.counts
        saturation = flat + slope * counts.total()
        return sum(
            weight * counts[term] / (counts[term] + saturation) for weight, term in self._best
        )

    def rows_with_all_identifiers(self) -> NDArray[np.int32]:
        """Rows that have every identifier among the selected terms; none without identifiers."""
        wanted = {term for _, term in self._best} & self._query.identifiers - self._query.numeric
        rows_by_term = [
            np.concatenate([part.rows for part in parts])
            for _, term, parts in self._present
            if term in wanted and parts
        ]
        if not wanted or len(rows_by_term) < len(wanted):
            return np.empty(0, np.int32)
        rows_by_term.sort(key=len)
        rows = rows_by_term[0]
        for other in rows_by_term[1:]:
            rows = rows[is_in_sorted(rows, other)]
        return rows


def _prior(term: int) -> int:
    return PRIOR_COMMON if is_stop_word(term) else PRIOR_PLAIN


def _inverse_document_frequency(frequency: int, rows: int) -> float:
    """Inverse document frequency, > 0 (Robertson and Zaragoza 2009; positive as in Lucene).

    Args:
        frequency: Rows with the term, including those of the prior.
        rows: Rows of the index, without those of the prior.
    """
    total = rows + PRIOR_ROWS
    return math.log1p((total - min(frequency, total) + 0.5) / (frequency + 0.5))


def _document_frequencies(
    counts: Counter[int], segments: Sequence[Segment], tail: Tail, dead: NDArray[np.int64]
) -> tuple[dict[int, int], Callable[[int], list[Postings]]]:
    """The number of living rows with each term, and a function from a term to its postings.

    The postings include dead rows.
    """
    terms = np.fromiter(counts, np.int64, len(counts))
    positions = [segment.positions(terms) for segment in segments]
    found = np.array([len(tail[t][0]) if t in tail else 0 for t in counts], np.int64)
    for segment, at in zip(segments, positions, strict=True):
        found += segment.document_frequencies(at)
    index = {term: i for i, term in enumerate(counts)}

    def postings_of(term: int) -> list[Postings]:
        places = [
            (segment, at[index[term]]) for segment, at in zip(segments, positions, strict=True)
        ]
        parts = [segment.postings(int(at)) for segment, at in places if at >= 0]
        return [*parts, frozen(tail[term])] if term in tail else parts

    frequencies = dict(zip(counts, found.tolist(), strict=True))
    if len(dead):
        for term, frequency in frequencies.items():
            if frequency:
                frequencies[term] -= sum(_count_dead(rows, dead) for rows, _ in postings_of(term))
    return frequencies, postings_of


def _estimated(
    local: dict[int, int],
    postings_of: Callable[[int], list[Postings]],
    alive: int,
    sample: SampledRows,
) -> tuple[dict[int, int], int]:
    """Document frequencies among the executions that rows are a sample of, and their number.

    Args:
        local: Document frequencies among the living rows.
        postings_of: Gives the postings of a term.
        alive: Number of living rows.
        sample: What the rows are a sample of.
    """
    counted = alive - int(np.count_nonzero(sample.fetched))
    if few := counted < LEAST_SAMPLE:
        if not sample.frequencies:
            return local, alive
        counted = alive
    total = max(sample.total, alive)

    def scaled(term: int) -> int:
        unsampled = 0 if few else _fetched_with(term, postings_of, sample)
        return round(total / max(counted, 1) * (local[term] - unsampled))

    known = sample.frequencies
    return {
        term: max(frequency, known[term] if term in known else scaled(term))
        for term, frequency in local.items()
    }, total


def _fetched_with(
    term: int, postings_of: Callable[[int], list[Postings]], sample: SampledRows
) -> int:
    """Number of fetched rows that have a term."""
    among = (sample.fetched.take(rows, mode="clip") for rows, _ in postings_of(term))
    return sum(int(np.count_nonzero(one)) for one in among)


def _count_dead(rows: NDArray[np.int32], dead: NDArray[np.int64]) -> int:
    few, many = (rows, dead) if len(rows) < len(dead) else (dead, rows)
    return int(is_in_sorted(few, many).sum())
