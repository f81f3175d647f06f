"""Ways to make one ranking of words and meaning, compared on questions with known answers.

What the product does is asked of the product, also with other constants. Other fusions are computed
from the same coverages and cosines; their formulas are those of the functions' docstrings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.collection import Collection, Matrix, Texts
from mcp_learning.search import fusion
from mcp_learning.search.lexical import query_terms, word_index

FOUND = 10
"""Records among which a true match counts as found."""

RRF_K = 60
"""Of reciprocal rank fusion (Cormack, Clarke and Buettcher 2009)."""

ALL = 1_000_000
"""As `INFORMATIVE`: all terms of a question."""

Truth = NDArray[np.bool_]
"""(questions, records): which record answers which question."""

_MODULES: dict[str, ModuleType] = {
    "INFORMATIVE": query_terms,
    "SHARPNESS": query_terms,
    "MOST_POSTINGS": query_terms,
    "K1": word_index,
    "B": word_index,
    "HALF_EVIDENCE": fusion,
}

_VARIED: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("INFORMATIVE", (8, 12, 16, 24, 32, ALL)),
    ("K1", (0.6, 0.9, 1.2, 1.6, 2.0)),
    ("B", (0.25, 0.5, 0.75, 1.0)),
    ("SHARPNESS", (1.0, 1.5, 2.0)),
    ("HALF_EVIDENCE", (8.0, 14.0, 20.0)),
)


@dataclass(frozen=True)
class Quality:
    """How well true matches are ranked.

    Attributes:
        mrr: Mean reciprocal rank of each question's best true match, 0..1.
        recall: Share of true matches among the `FOUND` best, 0..1.
    """

    mrr: float
    recall: float


@dataclass(frozen=True)
class Row:
    """One way to rank, and how well it does.

    Attributes:
        name: What is done.
        constants: Which of the product's it varies; empty for a way of its own.
        product: Whether this is what searches do.
        quality: On the questions.
    """

    name: str
    constants: str
    product: bool
    quality: Quality


def ranks(scores: Matrix) -> NDArray[np.int64]:
    """(questions, records) from 1 for the best; of equal ones the later goes first, as in search.

    Args:
        scores: (questions, records), the higher the better.
    """
    latest_first = np.round(scores, 6)[:, ::-1]
    order = np.argsort(-latest_first, axis=1, kind="stable")
    places = np.empty(scores.shape, np.int64)
    np.put_along_axis(places, order, np.arange(1, scores.shape[1] + 1)[np.newaxis], axis=1)
    return places[:, ::-1]


def quality(scores: Matrix, relevant: Truth, least: float = -np.inf) -> Quality:
    """How well `scores` rank the true matches that have at least `least`.

    Args:
        scores: (questions, records), the higher the better.
        relevant: (questions, records) bool, at least one record per question.
        least: Score below which a record isn't shown.
    """
    places = np.where(relevant & (scores >= least), ranks(scores), np.inf)
    mrr = float(np.mean(1 / places.min(axis=1)))
    return Quality(round(mrr, 4), round(float((places <= FOUND).sum() / relevant.sum()), 4))


def rows(collection: Collection, questions: Texts, relevant: Truth) -> list[Row]:
    """All ways to rank: other fusions, what the product does, and the same with other constants."""
    made = [
        Row(name, "", product=False, quality=quality(scores, relevant))
        for name, scores in _others(collection, questions)
    ]
    ours = quality(collection.similarities(questions), relevant)
    made.append(Row("evidence-weighted √coverage", "", product=True, quality=ours))
    for name, values in _VARIED:
        for value in values:
            with constants(**{name: value}):
                varied = quality(collection.similarities(questions), relevant)
            shown = "all" if value == ALL else f"{value:g}"
            made.append(Row(f"{name} = {shown}", name, value == _current(name), varied))
    return made


@contextmanager
def constants(**values: float) -> Iterator[None]:
    """Sets constants of the product's search for a while, in the whole process: to measure only."""
    before = {name: _current(name) for name in values}
    try:
        for name, value in values.items():
            setattr(_MODULES[name], name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(_MODULES[name], name, value)


def _current(name: str) -> float:
    value: float = getattr(_MODULES[name], name)
    return value


def _others(collection: Collection, questions: Texts) -> Iterator[tuple[str, Matrix]]:
    meaning, coverage = collection.meanings(questions), collection.coverages(questions)
    with constants(INFORMATIVE=ALL, MOST_POSTINGS=10**12):
        all_terms = collection.coverages(questions)
        with constants(SHARPNESS=1.0):
            plain = collection.coverages(questions)
    yield "meaning alone", meaning
    yield "words alone: all terms, weights not sharpened (BM25)", plain
    yield "words alone: all terms", all_terms
    yield f"words alone: the {query_terms.INFORMATIVE} most informative terms", coverage
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
