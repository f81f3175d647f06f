"""Success rates as posteriors: counts that may be fractions, shrunk towards what is known already.

A rate's posterior is a mixture of Beta distributions, one for each strength that its prior may
have, kept as probabilities on a grid. So intervals, and whether one rate is above the others, are
sums and look-ups, whatever the mixture.

The grid is uniform in t, where rate = sin²(t): there the density of a Beta is smooth and about
equally wide everywhere (M. S. Bartlett, "The square root transformation in analysis of variance",
JRSS Suppl. 3, 1936), also at rates near 0 and 1.
"""

from collections.abc import Sequence
from math import log, pi, tau
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Strengths that a prior may have, in executions: how much evidence it takes to outweigh it."""

MOST_COUNTED = 10_000.0
"""Evidence that counts, in executions: the grid holds no narrower posterior (± 1 %)."""

LEAST_SHAPE = 0.5
"""Of either parameter of a prior: as of Jeffreys' prior, so that none is sure of 0 or 1."""

_CELLS = 512
_NEGLIGIBLE = 1e-4
_EDGES = np.linspace(0.0, pi / 2, _CELLS + 1)
_MIDDLES = (_EDGES[1:] + _EDGES[:-1]) / 2
_RATES = np.sin(_MIDDLES) ** 2
_SHIFT, _HALF_LOG_TAU = 8, log(tau) / 2
_LOG_SIN, _LOG_COS = np.log(np.sin(_MIDDLES)), np.log(np.cos(_MIDDLES))


class Counts(NamedTuple):
    """Evidence of m options: (m,) float64 successes and failures, fractions allowed, >= 0."""

    success: Floats
    failure: Floats

    @property
    def total(self) -> Floats:
        """(m,) successes and failures together."""
        return self.success + self.failure


class Posterior(NamedTuple):
    """Success rates of m options.

    Attributes:
        mass: (m, cells) probabilities, each row sums to 1.
        strengths: (j,) the weight of each of `STRENGTHS`, sums to 1.
    """

    mass: Floats
    strengths: Floats

    @property
    def mean(self) -> Floats:
        """(m,) expected rates, 0..1."""
        return np.asarray(self.mass @ _RATES)

    def quantiles(self, *shares: float) -> Floats:
        """(len(shares), m) rates, 0..1, below which the posterior has these shares."""
        return _quantiles(self.mass, shares)

    def chance_of_best(self) -> Floats:
        """(m,) the probability of each rate to be the highest of all; they sum to about 1.

        P(i is best) = Σ p_i(x) · Π P(rate_j < x), the rates being independent.
        """
        below = np.cumsum(self.mass, axis=1) - self.mass / 2
        logs = np.log(np.maximum(below, 1e-300))
        others = logs.sum(axis=0) - logs
        return np.asarray((self.mass * np.exp(others)).sum(axis=1))


def posterior(counts: Counts, means: Floats, weights: Sequence[float] | None = None) -> Posterior:
    """What counts say about m rates that are expected around `means`.

    For each strength k the posterior is Beta(k·mean + successes, k·(1 - mean) + failures). How far
    to trust the means, the counts say themselves: strengths are weighted by how likely they make
    the counts of all options together, which is beta-binomial: options that differ more than
    chance would have them get a weak prior, options that don't a strong one.

    Source: A. Gelman et al., Bayesian Data Analysis, 3rd ed. (2013), sections 2.4 and 5.3; the
    shrinkage is that of G. Casella, "An introduction to empirical Bayes data analysis", The
    American Statistician 39 (1985), 83-87, averaged over strengths instead of with the likeliest
    one, which would be too sure. Counts that are fractions are likelihoods to a power below 1:
    J. Ibrahim and M.-H. Chen, "Power prior distributions for regression models", Statistical
    Science 15 (2000), 46-60.

    Args:
        counts: Of m options.
        means: (m,) expected rates, 0..1.
        weights: Of `STRENGTHS` before the counts are seen; None: equal.
    """
    share, successes, failures = _mixture(counts, means, weights)
    mass = np.zeros((len(means), _CELLS))
    for weight, a, b in zip(share, successes, failures, strict=True):
        if weight > _NEGLIGIBLE:
            mass += weight * _mass(a, b)
    mass /= mass.sum(axis=1, keepdims=True)
    return Posterior(mass, share)


def expected(counts: Counts, means: Floats) -> Floats:
    """(m,) the means of `posterior`, 0..1, without the rest of it."""
    share, a, b = _mixture(counts, means, None)
    return np.asarray(share @ (a / (a + b)))


def log_gamma(values: Floats) -> Floats:
    """Log Γ of values >= `LEAST_SHAPE`, in any shape; off by at most 1e-12 of max(1, |log Γ|).

    Stirling's series (Abramowitz and Stegun, 6.1.41), taken `_SHIFT` further on, where five terms
    of it suffice: Γ(x) = Γ(x + 8) / (x·(x + 1)·…·(x + 7)).
    """
    rising = values.copy()
    for step in range(1, _SHIFT):
        rising *= values + step
    far = values + _SHIFT
    inverse = 1 / far
    square = inverse**2
    series = 1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))
    stirling = (far - 0.5) * np.log(far) - far + _HALF_LOG_TAU + inverse * series
    return np.asarray(stirling - np.log(rising))


def tally(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) the sum of the weights of each group, 0..count - 1."""
    return np.bincount(groups, weights, count).astype(np.float64, copy=False)


def effective_sizes(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) how many whole pieces of evidence each group amounts to.

    The sum of its weights, but never more than (Σw)² / Σw²: the sum is small where all evidence is
    weak, Kish's size is small where a few pieces outweigh the rest. So two votes on one execution
    don't make two executions of it.

    Source of the second: L. Kish, Survey Sampling (1965), section 11.7.

    Args:
        groups: (n,) 0..count - 1.
        weights: (n,) >= 0.
        count: How many groups there are.
    """
    total = tally(groups, weights, count)
    squares = tally(groups, weights**2, count)
    return np.asarray(np.minimum(total, total**2 / np.maximum(squares, 1e-300)))


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The value below which `share`, 0..1, of the weight lies, interpolated between values.

    Each value stands in the middle of its weight (R. Hyndman and Y. Fan, "Sample quantiles in
    statistical packages", The American Statistician 50 (1996), 361-365, type 5, with weights).

    Args:
        values: (n,), at least one.
        weights: (n,) > 0.
        share: 0.5 gives the median.
    """
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    places = (ends - weights[order] / 2) / ends[-1]
    return float(np.interp(share, places, values[order]))


def _mixture(
    counts: Counts, means: Floats, weights: Sequence[float] | None
) -> tuple[Floats, Floats, Floats]:
    """(j,) the weight of each strength, and (j, m) the parameters a and b of its distributions."""
    scale = np.minimum(1.0, MOST_COUNTED / np.maximum(counts.total, 1e-300))
    success, failure = counts.success * scale, counts.failure * scale
    a = np.maximum(np.outer(STRENGTHS, means), LEAST_SHAPE)
    b = np.maximum(np.outer(STRENGTHS, 1 - means), LEAST_SHAPE)
    given = np.ones(len(STRENGTHS)) if weights is None else np.asarray(weights, np.float64)
    evidence = _log_evidence(success, failure, a, b)
    share = given * np.exp(evidence - evidence.max())
    return share / share.sum(), a + success, b + failure


def _log_evidence(success: Floats, failure: Floats, a: Floats, b: Floats) -> Floats:
    """(j,) logarithms of the beta-binomial probability of the counts of all m options together.

    Args:
        success: (m,).
        failure: (m,).
        a: (j, m) parameters, for each of j priors.
        b: (j, m).
    """
    gammas = log_gamma(np.stack([a + success, b + failure, a + b, a, b, a + b + success + failure]))
    return np.asarray((gammas[:3] - gammas[3:]).sum(axis=(0, 2)))


def _mass(a: Floats, b: Floats) -> Floats:
    """(m, cells) probabilities of Beta(a, b) on the grid. dt takes half off each exponent."""
    logs = np.outer(2 * a - 1, _LOG_SIN) + np.outer(2 * b - 1, _LOG_COS)
    logs -= logs.max(axis=1, keepdims=True)
    mass = np.exp(logs)
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def _quantiles(mass: Floats, shares: Sequence[float]) -> Floats:
    ends = np.cumsum(mass, axis=1)
    found = np.empty((len(shares), len(mass)))
    for number, share in enumerate(shares):
        cell = np.minimum((ends < share).sum(axis=1), _CELLS - 1)
        rows = np.arange(len(mass))
        inside = mass[rows, cell]
        before = ends[rows, cell] - inside
        part = np.clip((share - before) / np.maximum(inside, 1e-300), 0.0, 1.0)
        found[number] = np.sin(_EDGES[cell] + part * (_EDGES[1] - _EDGES[0])) ** 2
    return found
