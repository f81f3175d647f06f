"""Decides whether a match is shown, by how likely it answers the query.

The similarity ranks the rows of one store for one query. Whether the best of them answers it is
another question: the best of many unrelated rows is more similar than the best of few, and words
and meaning are unequally informative. So a logistic regression weighs the parts of the similarity,
together with the number of rows:

    relevance = -5.0 + 20.8 · (1 - w) · meaning + 12.6 · w · √coverage - 0.6 · (1 - w³) · ln n

`w`, `meaning` and `coverage` are those of `fusion`, n is the number of rows that pass the filters.
The number matters less where words decide, since rare words stay rare among many rows. Two
thresholds divide the values. docs/tuning.md has the collections that this was fitted on, and its
results on held-out ones.
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
"""Least relevance of a match that is likely, or possibly, an answer to the query. Of queries that
nothing in the store answers, 95 % have no likely match, and 84 % have no match at all."""

UNCERTAIN = LIKELY - 1e-3
"""Greatest relevance of a match that isn't likely."""

MOST_POSSIBLE = 3, 5
"""Most matches of an answer that are only possible: three of five wanted ones."""


def of_meaning(meanings: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """(n,) float32: the terms of n meanings in the relevance.

    Args:
        meanings: (n,) float32, 0..1, from `fusion.above_background`.
        weight: From `fusion.lexical_weight`.
    """
    return np.float32(MEANING * (1 - weight)) * meanings


def of_words(coverage: NDArray[np.float32], weight: float) -> NDArray[np.float32]:
    """(n,) float32: the terms of the words of n rows in the relevance.

    Args:
        coverage: (n,) float32, 0..1, from `LexicalScores`.
        weight: From `fusion.lexical_weight`.
    """
    return np.float32(WORDS * weight) * np.sqrt(coverage)


def offset(weight: float, rows: int) -> float:
    """The relevance of a row that has nothing in common with the query.

    Args:
        weight: From `fusion.lexical_weight`.
        rows: Number of rows that pass the filters.
    """
    return BIAS + ROWS * (1 - weight**3) * math.log(max(rows, 1))


def least_similarity(weight: float, rows: int) -> float:
    """Similarity, 0..1, below which no row reaches `POSSIBLE`; arguments as for `offset`."""
    return max(0.0, (POSSIBLE - offset(weight, rows)) / max(MEANING, WORDS))


def confidence(relevance: float) -> Confidence:
    """The confidence, in words, of a match with this relevance."""
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
