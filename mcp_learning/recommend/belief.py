"""What is believed of success rates, as normal distributions of their logits, and how it changes.

A belief about m options is changed level by level: what all executions say is the prior of what
those of the same type say, and so on down to the runs of the very task. At each level the logits
move by a shift that all options have in common, since tasks are hard or easy for all, and by one of
each option's own. Both are normal around 0; the likeliest ones are found by Newton's method, at
once, so that what a single option did isn't put down to the tasks alone.

Logits are those of mean rates: the rate on all tasks is the mean over types of task, and so on. A
mean rate is nearer to one half than the rate in the middle of the normal distribution. For a mean m
and a variance v it is that of the logit m / √(1 + 0.346·v), nearly: S. Zeger, K.-Y. Liang and P.
Albert, "Models for longitudinal data: a generalized estimating equation approach", Biometrics 44
(1988), 1049-1060.

How far logits shift at a level isn't known beforehand. Each pair of variances in `COMMON` and `OWN`
is weighted by what is known of it, and by how likely it makes the counts of all options together,
so that a level at which nothing differs changes nothing.

Source: the hierarchical logistic regression of A. Gelman et al., Bayesian Data Analysis, 3rd ed.
(2013), section 16.4, by Laplace's approximation (section 13.3). Counts that are fractions are
likelihoods to a power below 1: J. Ibrahim and M.-H. Chen, "Power prior distributions for regression
models", Statistical Science 15 (2000), 46-60.
"""

from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VARIANCES = np.array([0.01, 0.1, 0.5, 2.0, 6.0])
"""Variances that shifts may have; 0.01 moves a rate of 1/2 by 0.025."""

COMMON, OWN = (pair.ravel() for pair in np.meshgrid(VARIANCES, VARIANCES, indexing="ij"))
"""(j,) each: variances of the shift that options have in common, and of those of their own."""

FEW = 1 / ((COMMON + 0.1) * (OWN + 0.1))
"""Weights of the pairs before anything is known: a level rather changes nothing."""

UNIFORM = COMMON * OWN
"""Weights of the pairs for the very task, uniform in both variances, whose steps grow with them: if
options were rather taken to be alike there, telling them apart would take many runs of each."""

TOGETHER = np.where(VARIANCES[0] == OWN, 1.0 / (COMMON + 0.1), 1e-9)
"""Weights of the pairs for options that have a part in common."""

APART = np.where(VARIANCES[0] == COMMON, 1.0, 1e-9)
"""Weights of the pairs for options on all tasks: how much they differ, their counts say."""

ANY = 0.01
"""Information on a level, of all options together, from which half of what might be different there
makes rates less sure: so small that it is nearly all as soon as anything is known."""

_STEPS, _LONGEST_STEP, _CLOSE = 8, 2.0, 0.02
_AVERAGED = 16**2 * 3 / (15 * pi) ** 2
_CELLS = 400


class Counts(NamedTuple):
    """Evidence of m options: (…, m) float64 successes and totals, fractions allowed, >= 0."""

    success: Floats
    total: Floats

    def of(self, options: NDArray[np.int64]) -> "Counts":
        """Those of some of the options."""
        return Counts(self.success[..., options], self.total[..., options])


class Shifts(NamedTuple):
    """The likeliest shifts of logits for each of j pairs of variances.

    Attributes:
        likeliest: (j, …, m) logits after them.
        logit: (j, …, m) of the mean rate, given how unsure these still are.
        information: (j, …, m) >= 0, the curvature of the log-likelihood there.
        evidence: (j, …) logarithms of how likely the counts are.
    """

    likeliest: Floats
    logit: Floats
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

    def of(self, options: NDArray[np.int64]) -> "Belief":
        """That in some of the options."""
        return Belief(self.logit[..., options], self.own[..., options], self.shared)

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

        The logistic function of the mean logit, which is that of the mean rate (`shifts`).
        """
        return logistic(self.logit)

    def quantiles(self, deviations: float) -> Floats:
        """(…, m) rates, 0..1, this many standard deviations from the mean, in logits."""
        return logistic(self.logit + deviations * np.sqrt(self.own + self.shared))

    def after(
        self, counts: Counts, weights: Floats, overstated: float = 1.0, half: float = ANY
    ) -> "Belief":
        """The belief once counts of some tasks are known.

        What might be different there makes it less sure only as far as there is evidence on any
        option: without, it is a belief about the tasks of the level before.

        Args:
            counts: (…, m) of each option, on such tasks. They may be among those that the belief
                rests on already.
            weights: (j,) of the pairs of variances, before the counts are seen.
            overstated: How many times the information of the counts is overstated; 1 of
                independent outcomes.
            half: Information, of all options together, from which half of what might be different
                there makes it less sure; > 0.
        """
        found = shifts(self.logit, counts)
        dimensions = self.logit.ndim
        logs = _first(np.log(weights), dimensions) + found.evidence[..., None]
        weight = np.exp(logs - logs.max(axis=0))
        weight /= weight.sum(axis=0)
        logit = (weight * found.logit).sum(axis=0)
        known = found.information.sum(axis=-1, keepdims=True)
        known = known / (known + half)
        information = found.information / overstated
        own = _first(OWN, dimensions) * known + self.own
        alone = 1 / (1 + own * information)  # of what is common, so much is left to an option
        told = (information * alone).sum(axis=-1, keepdims=True)
        common = _first(COMMON, dimensions) * known
        common = common / (1 + common * told)
        least = alone.min(axis=-1, keepdims=True, initial=1.0)
        square = own * alone + common * (alone**2 - least**2) + (found.logit - logit) ** 2
        return Belief(
            logit,
            (weight * square).sum(axis=0),
            self.shared + (weight * common * least**2).sum(axis=0),
        )

    def after_groups(self, counts: Counts, group: NDArray[np.int64]) -> "Belief":
        """The belief once all options of a group have shifted in common.

        Args:
            counts: (m,) of each option.
            group: (m,) numbers of groups, from 0.
        """
        inside = np.arange(group.max(initial=-1) + 1)[:, None] == group
        each = Belief(self.logit * np.ones(inside.shape), self.own, self.shared)
        moved = each.after(Counts(counts.success * inside, counts.total * inside), TOGETHER)
        mine = group, np.arange(len(group))
        return Belief(moved.logit[mine], moved.own[mine] + moved.shared[group, 0], self.shared)

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


def shifts(logits: Floats, counts: Counts) -> Shifts:
    """The likeliest shifts for each pair of variances, of any number of tasks at once.

    The matrix of second derivatives is a diagonal with one row and column, that of the common
    shift, so that a step is found by elimination.

    Args:
        logits: (…, m) of the mean rates before.
        counts: (…, m).
    """
    wide, alone = _first(COMMON, logits.ndim), _first(OWN, logits.ndim)
    common = np.zeros((len(COMMON), *logits.shape[:-1], 1))
    own = np.zeros((len(OWN), *logits.shape))
    middle = logits * _widening(wide + alone)
    for _ in range(_STEPS):
        rate = logistic(middle + common + own)
        expected = counts.total * rate
        slope, information = counts.success - expected, expected * (1 - rate)
        left = 1 + alone * information
        told = (information / left).sum(axis=-1, keepdims=True)
        both = ((slope + information * own) / left).sum(axis=-1, keepdims=True)
        step = (wide * both - common) / (1 + wide * told)
        steps = _bounded(step), _bounded((alone * (slope - information * step) - own) / left)
        common, own = common + steps[0], own + steps[1]
        if max(float(np.abs(one).max(initial=0.0)) for one in steps) < _CLOSE:
            break
    at = middle + common + own
    likelihood = (counts.success * at - counts.total * np.logaddexp(0, at)).sum(axis=-1)
    penalty = (own**2 / alone + np.log(left)).sum(axis=-1)
    penalty = penalty + (common**2 / wide + np.log1p(wide * told))[..., 0]
    variance = alone / left + wide / (1 + wide * told) / left**2
    return Shifts(at, at / _widening(variance), information, likelihood - 0.5 * penalty)


def _widening(variance: Floats) -> Floats:
    """How many times the logit at the middle of a normal distribution is that of the mean rate."""
    return np.asarray(np.sqrt(1 + _AVERAGED * variance))


def _bounded(step: Floats) -> Floats:
    return np.minimum(np.maximum(step, -_LONGEST_STEP), _LONGEST_STEP)


def logit_of(rate: Floats | float) -> Floats:
    """Logits of rates between 0 and 1, in any shape."""
    return np.asarray(np.log(rate) - np.log1p(-np.asarray(rate)))


def _first(values: Floats, dimensions: int) -> Floats:
    """(j, 1, …) of j values: along a first axis before so many others."""
    return values.reshape(-1, *[1] * dimensions)
