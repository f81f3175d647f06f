"""What is believed of success rates, as normal distributions of their logits, and how it changes.

A belief about m options is changed level by level: what all executions say is the prior of what
those of the same type say, and so on down to the runs of the very task. At each level the logits
move by a shift that is normal around 0; the likeliest shift is found by Newton's method. A shift is
common to all options, since tasks are hard or easy for all, or each option has one of its own.

How far logits shift at a level isn't known beforehand. Each of `VARIANCES` is weighted by what is
known of it, and by how likely it makes the counts of all options together, so that a level at which
nothing differs changes nothing.

Source: the hierarchical logistic regression of A. Gelman et al., Bayesian Data Analysis, 3rd ed.
(2013), section 16.4, by Laplace's approximation (section 13.3). Counts that are fractions are
likelihoods to a power below 1: J. Ibrahim and M.-H. Chen, "Power prior distributions for regression
models", Statistical Science 15 (2000), 46-60.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VARIANCES = np.array([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 9.0])
"""Variances that the shifts of a level may have; 0.01 moves a rate of 1/2 by 0.025."""

FEW = 1 / (VARIANCES + 0.1)
"""Weights of `VARIANCES` before anything is known: a level rather changes nothing."""

EQUAL = np.ones(len(VARIANCES))
"""Weights of `VARIANCES` for options on all tasks: how much they differ, their counts say."""

ANY = 0.01
"""Information on a level, of all options together, that is half as good as knowing it well: what
might be different there makes rates less sure as soon as anything is known."""

_STEPS, _LONGEST_STEP, _CLOSE = 8, 2.0, 0.02
_CELLS = 400


class Counts(NamedTuple):
    """Evidence of m options: (…, m) float64 successes and totals, fractions allowed, >= 0."""

    success: Floats
    total: Floats

    def of(self, options: NDArray[np.int64]) -> "Counts":
        """Those of some of the options."""
        return Counts(self.success[..., options], self.total[..., options])


class Shifts(NamedTuple):
    """The likeliest shifts of logits for each of j variances; k is m, or 1 for a common shift.

    Attributes:
        mean: (j, …, k).
        information: (j, …, k) >= 0, the curvature of the log-likelihood there.
        evidence: (j, …) logarithms of how likely the counts are.
    """

    mean: Floats
    information: Floats
    evidence: Floats


class Belief(NamedTuple):
    """Normal distributions of the logits of m options.

    Attributes:
        logit: (…, m) means.
        own: (…, m) variances of what concerns an option alone.
        shared: (…, 1) variance of what is common to all of them.
    """

    logit: Floats
    own: Floats
    shared: Floats

    @classmethod
    def alike(cls, success: Floats, total: Floats, options: int) -> "Belief":
        """All options believed to be as everything is.

        Args:
            success: (…) of everything.
            total: (…) likewise.
            options: How many there are.
        """
        rate = ((1 + success) / (2 + total))[..., None]
        spread = 1 / ((2 + total[..., None]) * rate * (1 - rate))
        ones = np.ones(options)
        return cls(logit_of(rate) * ones, spread * ones, np.zeros_like(spread))

    @property
    def rate(self) -> Floats:
        """(…, m) expected success rates, 0..1.

        The logistic function of the mean, and not its mean, which is nearer to one half: the rates
        that the logits start from are means over all tasks already.
        """
        return logistic(self.logit)

    def quantiles(self, deviations: float) -> Floats:
        """(…, m) rates, 0..1, this many standard deviations from the mean, in logits."""
        return logistic(self.logit + deviations * np.sqrt(self.own + self.shared))

    def after(self, counts: Counts, weights: Floats, *, common: bool) -> "Belief":
        """The belief once counts of some tasks are known.

        What might be different there makes it less sure only as far as there is evidence on any
        option: without, it is a belief about the tasks of the level before.

        Args:
            counts: (…, m) of each option, on such tasks. They may be among those that the belief
                rests on already.
            weights: (j,) of `VARIANCES`, before the counts are seen.
            common: All options shift alike.
        """
        found = shifts(self.logit, counts, common=common)
        prior = _first(VARIANCES, self.logit.ndim)
        logs = _first(np.log(weights), self.logit.ndim) + found.evidence[..., None]
        weight = np.exp(logs - logs.max(axis=0))
        weight /= weight.sum(axis=0)
        shift = (weight * found.mean).sum(axis=0)
        known = found.information.sum(axis=-1, keepdims=True)
        before = prior * known / (known + ANY) + (0.0 if common else self.own)
        square = before / (1 + before * found.information) + (found.mean - shift) ** 2
        if not common:  # an option may do much better or worse here than levels are taken to say
            weight = weight / _first(FEW, self.logit.ndim)
            weight /= weight.sum(axis=0)
        variance = (weight * square).sum(axis=0)
        if common:
            return Belief(self.logit + shift, self.own, self.shared + variance)
        return Belief(self.logit + shift, variance, self.shared)

    def chance_of_best(self) -> Floats:
        """(m,) the probability of each rate to be the highest; what is shared doesn't matter.

        P(i is best) = Σ p_i(x) · Π P(logit_j < x), on a grid of logits.
        """
        deviation = np.sqrt(self.own)
        ends = (self.logit - 5 * deviation).min(), (self.logit + 5 * deviation).max()
        grid = np.linspace(*ends, _CELLS)
        mass = np.exp(-0.5 * ((grid - self.logit[:, None]) / deviation[:, None]) ** 2)
        mass /= mass.sum(axis=1, keepdims=True)
        below = np.log(np.maximum(np.cumsum(mass, axis=1) - mass / 2, 1e-300))
        return np.asarray((mass * np.exp(below.sum(axis=0) - below)).sum(axis=1))


def logistic(logits: Floats) -> Floats:
    """Rates, 0..1, of logits in any shape."""
    return np.asarray(1 / (1 + np.exp(-logits)))


def shifts(logits: Floats, counts: Counts, *, common: bool) -> Shifts:
    """The likeliest shifts for each of `VARIANCES`, of any number of tasks at once.

    Args:
        logits: (…, m) before.
        counts: (…, m).
        common: All options of a task shift alike.
    """
    precision = 1 / _first(VARIANCES, logits.ndim)
    mean = np.zeros((len(VARIANCES), *logits.shape[:-1], 1 if common else logits.shape[-1]))
    for _ in range(_STEPS):
        rate = logistic(logits + mean)
        expected = counts.total * rate
        slope, information = counts.success - expected, expected * (1 - rate)
        if common:
            slope = slope.sum(axis=-1, keepdims=True)
            information = information.sum(axis=-1, keepdims=True)
        step = (slope - mean * precision) / (information + precision)
        longest = float(np.abs(step).max(initial=0.0))
        if longest > _LONGEST_STEP:
            step = np.minimum(np.maximum(step, -_LONGEST_STEP), _LONGEST_STEP)
        mean = mean + step
        if longest < _CLOSE:
            break
    at = logits + mean
    likelihood = (counts.success * at - counts.total * np.logaddexp(0, at)).sum(axis=-1)
    penalty = mean**2 * precision + np.log1p(information / precision)
    return Shifts(mean, information, likelihood - 0.5 * penalty.sum(axis=-1))


def logit_of(rate: Floats | float) -> Floats:
    """Logits of rates between 0 and 1, in any shape."""
    return np.asarray(np.log(rate) - np.log1p(-np.asarray(rate)))


def _first(values: Floats, dimensions: int) -> Floats:
    """(j, 1, …) of j values: along a first axis before so many others."""
    return values.reshape(-1, *[1] * dimensions)
