"""Ways to combine words and vectors into one ranking, compared on questions with known answers.

The product's own ranking is computed by the product, also with other constants. The others are
computed from the same coverages and cosines, by the formulas in the functions' docstrings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.collection import Collection, Matrix, Vectors
from benchmarks.calibration.questions import Pairs
from mcp_learning.search.lexical.query_terms import DEFAULT_PARAMETERS, Bm25Parameters

FOUND = 10
"""Records among which a true match counts as found."""

RRF_K = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""

ALL = 1_000_000
"""As `Bm25Parameters.informative`: all terms of a question."""

Truth = NDArray[np.bool_]
"""(questions, records): which record answers which question."""

VARIED: dict[str, tuple[float, ...]] = {
    "informative": (8, 12, 16, 24, 32, ALL),
    "k1": (0.6, 0.9, 1.2, 1.6, 2.0),
    "b": (0.25, 0.5, 0.75, 1.0),
    "sharpness": (1.0, 1.5, 2.0),
}
"""Fields of `Bm25Parameters`, and the values that are tried."""


@dataclass(frozen=True)
class Quality:
    """Retrieval quality.

    Attributes:
        mrr: Mean reciprocal rank of each question's best true match, 0..1.
        recall: Share of true matches among the `FOUND` best, 0..1.
    """

    mrr: float
    recall: float


@dataclass(frozen=True)
class Row:
    """One ranking and its quality.

    Attributes:
        name: How it ranks.
        constants: Which constant of the product it varies; empty for another formula.
        product: Whether searches rank like this.
        quality: On the questions.
    """

    name: str
    constants: str
    product: bool
    quality: Quality


def ranks(scores: Matrix) -> NDArray[np.int64]:
    """Ranks, (questions, records), 1 is best; of equal scores the later record comes first.

    Args:
        scores: (questions, records), the higher the better.
    """
    latest_first = np.round(scores, 6)[:, ::-1]
    order = np.argsort(-latest_first, axis=1, kind="stable")
    places = np.empty(scores.shape, np.int64)
    np.put_along_axis(places, order, np.arange(1, scores.shape[1] + 1)[np.newaxis], axis=1)
    return places[:, ::-1]


def quality(scores: Matrix, relevant: Truth) -> Quality:
    """Quality of the ranking by `scores`.

    Args:
        scores: (questions, records), the higher the better.
        relevant: (questions, records) bool, at least one record per question.
    """
    places = np.where(relevant, ranks(scores), np.inf)
    mrr = float(np.mean(1 / places.min(axis=1)))
    return Quality(round(mrr, 4), round(float((places <= FOUND).sum() / relevant.sum()), 4))


def rows(pairs: Pairs, vectors: Vectors) -> list[Row]:
    """All rankings: other fusions, the product's own, and that with other constants."""
    collection = Collection(list(pairs.records.values()), vectors)
    questions = [one.text for one in pairs.questions]
    relevant = np.array([[at in one.relevant for at in pairs.records] for one in pairs.questions])

    def ours(bm25: Bm25Parameters) -> Quality:
        found = [collection.compare(one, bm25).similarities for one in questions]
        return quality(np.stack(found), relevant)

    made = [
        Row(name, "", product=False, quality=quality(scores, relevant))
        for name, scores in _others(collection, questions)
    ]
    quality_of_ours = ours(DEFAULT_PARAMETERS)
    made.append(Row("evidence-weighted √coverage", "", product=True, quality=quality_of_ours))
    for name, values in VARIED.items():
        for value in values:
            varied: dict[str, Any] = {name: value}
            bm25 = replace(DEFAULT_PARAMETERS, **varied)
            shown = f"{name.upper()} = {'all' if value == ALL else f'{value:g}'}"
            made.append(Row(shown, name, bm25 == DEFAULT_PARAMETERS, ours(bm25)))
    return made


def _others(collection: Collection, questions: Sequence[str]) -> Iterator[tuple[str, Matrix]]:
    def coverages(bm25: Bm25Parameters) -> Matrix:
        compared = (collection.compare(one, bm25) for one in questions)
        return np.stack([one.coverage for one in compared])

    meaning = np.stack([collection.compare(one).meanings for one in questions])
    coverage = coverages(DEFAULT_PARAMETERS)
    unlimited = Bm25Parameters(informative=ALL, most_postings=10**12)
    all_terms, plain = coverages(unlimited), coverages(replace(unlimited, sharpness=1.0))
    yield "meaning alone", meaning
    yield "words alone: all terms, weights not sharpened (BM25)", plain
    yield "words alone: all terms", all_terms
    yield f"words alone: the {DEFAULT_PARAMETERS.informative} most informative terms", coverage
    yield f"reciprocal rank fusion, k = {RRF_K}", _reciprocal(meaning) + _reciprocal(coverage)
    for name, normal in (("z-scores", _z_scores), ("min-max", _min_max)):
        for weight in (0.3, 0.5):
            scores = weight * normal(meaning) + (1 - weight) * normal(coverage)
            yield f"{name}: meaning {weight}, words {1 - weight:g}", scores
    for weight in (0.2, 0.4):
        scores = weight * meaning + (1 - weight) * coverage
        yield f"weighted sum: meaning {weight}, words {1 - weight:g}", scores


def _reciprocal(scores: Matrix) -> Matrix:
    """1 / (k + rank), and 0 for what isn't found at all."""
    found: Matrix = np.where(scores > 0, 1 / (RRF_K + ranks(scores)), 0)
    return found


def _z_scores(scores: Matrix) -> Matrix:
    """(score - mean) / standard deviation, per question; 0 if all are equal."""
    spread = scores.std(axis=1, keepdims=True)
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.where(spread > 0, spread, 1))


def _min_max(scores: Matrix) -> Matrix:
    """(score - least) / (greatest - least), per question; 0 if all are equal."""
    least = scores.min(axis=1, keepdims=True)
    spread = scores.max(axis=1, keepdims=True) - least
    return np.asarray((scores - least) / np.where(spread > 0, spread, 1))
