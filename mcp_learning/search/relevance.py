"""Decides whether a match is shown: how likely it is that it answers the query.

The similarity ranks the rows of one store for one query. Whether the best of them answers it is
another question: the best of many unrelated rows is more similar than the best of few, and a
query's words and its meaning tell apart unequally well. So the parts of the similarity are weighed
anew, by a logistic regression with the number of rows as its fourth term:

    relevance = -5.0 + 20.8 · (1 - w) · meaning + 12.6 · w · √coverage - 0.6 · (1 - w³) · ln n

`w`, `meaning` and `coverage` are those of `fusion`, n is the number of rows that may be found. It
matters less where words decide: rare words stay rare among many rows. Two thresholds divide the
values. docs/tuning.md has the collections that all this was fitted on, and how well it does on
those that were left out.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Confidence = Literal["likely", "possible"]

BIAS, MEANING, WORDS, ROWS = -5.0, 20.8, 12.6, -0.6
"""Coefficients of the regression, in log odds."""

LIKELY, POSSIBLE = 0.33, -1.05
"""Relevance from which a match is likely to answer the query, or possibly does: of questions that
nothing in the store answers, 95 % have no likely match, and 84 % no match at all."""

UNCERTAIN = LIKELY - 1e-3
"""Greatest relevance of a match that isn't likely."""

MOST_POSSIBLE = 3, 5
"""Matches of an answer that are only possible, at most: three of five wanted ones."""


def of_meaning(meanings: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """(n,) float32: what n meanings add to the relevance.

    Args:
        meanings: (n,) float32, 0..1, from `fusion.above_background`.
        weight: From `fusion.lexical_weight`.
    """
    return np.float32(MEANING * (1 - weight)) * meanings


def of_words(coverage: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """(n,) float32: what the words of n rows add to the relevance.

    Args:
        coverage: (n,) float32, 0..1, from `LexicalScores`.
        weight: From `fusion.lexical_weight`.
    """
    return np.float32(WORDS * weight) * np.sqrt(coverage)


def offset(weight: float, rows: int) -> float:
    """The relevance of a row that has nothing in common with the query.

    Args:
        weight: From `fusion.lexical_weight`.
        rows: Number of rows that may be found.
    """
    return BIAS + ROWS * (1 - weight**3) * math.log(max(rows, 1))


def least_similarity(weight: float, rows: int) -> float:
    """Similarity, 0..1, below which no row of a store reaches `POSSIBLE`; as `offset`."""
    return max(0.0, (POSSIBLE - offset(weight, rows)) / max(MEANING, WORDS))


def confidence(relevance: float) -> Confidence:
    """How sure it is that a match with this relevance answers the query."""
    return "likely" if relevance >= LIKELY else "possible"


def shown(values: Sequence[float], limit: int) -> list[int]:
    """Positions of the matches to show, in their order: all likely and a few possible ones.

    Args:
        values: Relevances of ranked matches, the most similar first.
        limit: Matches wanted, at least 1.
    """
    possible = [at for at, value in enumerate(values) if POSSIBLE <= value < LIKELY]
    few, of = MOST_POSSIBLE
    chosen = set(possible[: math.ceil(limit * few / of)])
    return [at for at, value in enumerate(values) if value >= LIKELY or at in chosen]
