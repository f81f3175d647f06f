"""Fits the relevance of matches, and measures it on each set of questions with that left out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.samples import Sample
from mcp_learning.search import relevance

SHIPPED = np.array([relevance.BIAS, relevance.MEANING, relevance.WORDS, relevance.ROWS])
"""Coefficients in use."""

EMPTY_OF_LIKELY, EMPTY = 0.95, 0.84
"""Shares of unrelated questions that get no likely match, and none at all."""

CONSTANT_FLOOR = 0.41
"""One least similarity for all stores, which this is compared with."""

_ROUNDS, _STEPS, _RIDGE = 8, 40, 1e-3

Values = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Shares:
    """Of own questions: an answer is shown; of other sets' questions: nothing is. Both 0..1."""

    kept: float
    empty: float


@dataclass(frozen=True)
class Row:
    """Shares in stores of one set and size.

    Attributes:
        store: The set.
        size: Rows of the store.
        fitted: By a fit without this set; None if there are too few sets for one.
        shipped: By the constants in use.
        constant: By `CONSTANT_FLOOR`.
    """

    store: str
    size: str
    fitted: Shares | None
    shipped: Shares
    constant: Shares


@dataclass(frozen=True)
class Calibration:
    """The result.

    Attributes:
        model: The embedding model.
        coefficients: Of a fit on all sets: bias, meaning, words, rows; log odds.
        likely: Relevance from which a match is likely to answer, by that fit.
        possible: The same for a possible answer.
        rows: By set and size.
    """

    model: str
    coefficients: list[float]
    likely: float
    possible: float
    rows: list[Row]


class Regression:
    """Samples as arrays. In a fit each set, size, and kind of question counts the same."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._terms = np.stack([one.terms for one in samples])
        self._counts = np.stack([one.counts for one in samples])
        self._similarities = np.stack([one.similarities for one in samples])
        self._stores = np.array([one.store for one in samples])
        self._sources = np.array([one.source for one in samples])
        self._sizes = np.array([one.size for one in samples])
        self._own = self._stores == self._sources
        groups = list(zip(self._stores, self._sizes, self._own, strict=True))
        number = {group: at for at, group in enumerate(dict.fromkeys(groups))}
        which = np.array([number[group] for group in groups])
        self._weights: Values = 1 / np.bincount(which)[which]

    def calibration(self, model: str) -> Calibration:
        """Fits on all sets, then on all but one, for each."""
        everything = np.ones(len(self._own), bool)
        fitted = self.fit(everything)
        best = self.best(fitted)
        return Calibration(
            model=model,
            coefficients=fitted.tolist(),
            likely=self.threshold(best, everything, EMPTY_OF_LIKELY),
            possible=self.threshold(best, everything, EMPTY),
            rows=list(self._rows()),
        )

    def fit(self, chosen: Chosen) -> Values:
        """(4,) coefficients. Which row of a question is the most relevant depends on them."""
        coefficients = SHIPPED
        for _ in range(_ROUNDS):
            row = self._relevances(coefficients).argmax(axis=1)
            terms = self._terms[np.arange(len(row)), row]
            coefficients = logistic(terms[chosen], self._own[chosen], self._weights[chosen])
        return coefficients

    def best(self, coefficients: Values) -> Values:
        """(n,) relevance of each question's best row: of those that answer it, if it has any."""
        return np.asarray(self._relevances(coefficients).max(axis=1))

    def threshold(self, values: Values, chosen: Chosen, share: float) -> float:
        """Least value below which this share of the chosen unrelated questions stays."""
        unrelated = np.flatnonzero(chosen & ~self._own)
        unrelated = unrelated[np.argsort(values[unrelated])]
        below = np.cumsum(self._weights[unrelated])
        return float(values[unrelated[np.searchsorted(below, share * below[-1])]])

    def _relevances(self, coefficients: Values) -> Values:
        return np.where(self._counts, self._terms @ coefficients, -np.inf)

    def _rows(self) -> Iterator[Row]:
        shipped = self.best(SHIPPED)
        similar = np.where(self._counts, self._similarities, 0).max(axis=1)
        for store in dict.fromkeys(self._stores.tolist()):
            others = (self._stores != store) & (self._sources != store)
            fitted, least = None, 0.0
            if (others & ~self._own).any():
                fitted = self.best(self.fit(others))
                least = self.threshold(fitted, others, EMPTY)
            for size in dict.fromkeys(self._sizes[self._stores == store].tolist()):
                here = (self._stores == store) & (self._sizes == size)
                yield Row(
                    store=store,
                    size=size,
                    fitted=None if fitted is None else self._shares(fitted >= least, here),
                    shipped=self._shares(shipped >= relevance.POSSIBLE, here),
                    constant=self._shares(similar >= CONSTANT_FLOOR, here),
                )

    def _shares(self, shown: Chosen, here: Chosen) -> Shares:
        kept, unrelated = shown[here & self._own], shown[here & ~self._own]
        return Shares(float(kept.mean()) if len(kept) else 1.0, float(1 - unrelated.mean()))


def logistic(terms: Values, answers: Chosen, weights: Values) -> Values:
    """(k,) coefficients of a logistic regression, by Newton's method.

    Args:
        terms: (n, k), with a column of ones if a bias is wanted.
        answers: (n,) what is predicted.
        weights: (n,) how much each counts, > 0.
    """
    found = np.zeros(terms.shape[1])
    ridge = _RIDGE * np.eye(len(found))
    for _ in range(_STEPS):
        expected = 1 / (1 + np.exp(-terms @ found))
        curvature = (terms * (weights * expected * (1 - expected))[:, np.newaxis]).T @ terms
        slope = terms.T @ (weights * (expected - answers)) + ridge @ found
        step = np.linalg.solve(curvature + ridge, slope)
        found = found - step
        if np.abs(step).max() < 1e-8:
            break
    return found
