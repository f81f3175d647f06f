"""Beliefs about success rates: normal distributions of their logits, updated level by level.

The belief about m options after all executions is the prior for those of the same type, and so on
down to the runs of the same task. At each level the logits shift: by a common shift of all options,
since tasks are hard or easy for all, and by one shift of each option's own. Both are normal with
mean 0. Newton's method finds their most probable values jointly, so that the results of a single
option aren't attributed to the tasks alone.

Logits are those of mean rates: the rate on all tasks is the mean over types of task, and so on. A
mean rate is nearer to one half than the rate at the mean logit. For a normal distribution of mean m
and variance v it is about the rate of the logit m / √(1 + 0.346·v): S. Zeger, K.-Y. Liang and P.
Albert, "Models for longitudinal data: a generalized estimating equation approach", Biometrics 44
(1988), 1049-1060.

The variances of the shifts at a level aren't known. Each pair of variances in `COMMON` and `OWN` is
weighted by its prior weight and by the marginal likelihood of the counts of all options, so that a
level at which nothing differs changes nothing.

Source: the hierarchical logistic regression of A. Gelman et al., Bayesian Data Analysis, 3rd ed.
(2013), section 16.4, by Laplace's approximation (section 13.3). Fractional counts are likelihoods
to a power below 1: J. Ibrahim and M.-H. Chen, "Power prior distributions for regression models",
Statistical Science 15 (2000), 46-60.
"""

from math import pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VARIANCES = np.array([0.01, 0.1, 0.5, 2.0, 6.0])
"""Possible variances of shifts; one of 0.01 moves a rate of 1/2 by about 0.025."""

COMMON, OWN = (pair.ravel() for pair in np.meshgrid(VARIANCES, VARIANCES, indexing="ij"))
"""All j pairs: (j,) variances of the common shift, and (j,) of the options' own shifts."""

FEW = 1 / ((COMMON + 0.1) * (OWN + 0.1))
"""Prior weights of the pairs, which favour small variances."""

UNIFORM = COMMON * OWN
"""Prior weights for runs of the same task: uniform over the variances, whose spacing grows with
them. If small ones were favoured, distinguishing options would take many runs of each."""

TOGETHER = np.where(VARIANCES[0] == OWN, 1.0 / (COMMON + 0.1), 1e-9)
"""Prior weights for options that share a part: only their common shift may be large."""

APART = np.where(VARIANCES[0] == COMMON, 1.0, 1e-9)
"""Prior weights for options on all tasks: no common shift, and any difference between options."""

ANY = 0.01
"""Default of `half` in `Belief.after`: so small that nearly all variance of a level counts as soon
as there is any evidence on it."""

_STEPS, _LONGEST_STEP, _CLOSE = 8, 2.0, 0.02
_AVERAGED = 16**2 * 3 / (15 * pi) ** 2
_CELLS = 400


class Counts(NamedTuple):
    """Evidence on m options: (…, m) float64 successes and totals, >= 0, fractions allowed."""

    success: Floats
    total: Floats

    def of(self, options: NDArray[np.int64]) -> "Counts":
        """The counts of some of the options."""
        return Counts(self.success[..., options], self.total[..., options])


class Shifts(NamedTuple):
    """The most probable shifts of logits for each of j pairs of variances.

    Attributes:
        likeliest: (j, …, m) most probable logits after the shifts.
        logit: (j, …, m) logits of the mean rates, given the variance that remains.
        information: (j, …, m) >= 0, the curvature of the log-likelihood there.
        evidence: (j, …) logarithms of the marginal likelihood of the counts.
    """

    likeliest: Floats
    logit: Floats
    information: Floats
    evidence: Floats


class Belief(NamedTuple):
    """Normal distributions of the logits of m options.

    Attributes:
        logit: (…, m) means.
        own: (…, m) variances of each option alone.
        shared: (…, 1) variance common to all options.
    """

    logit: Floats
    own: Floats
    shared: Floats

    def of(self, options: NDArray[np.int64]) -> "Belief":
        """The belief about some of the options."""
        return Belief(self.logit[..., options], self.own[..., options], self.shared)

    @classmethod
    def pooled(cls, success: Floats, total: Floats, options: int) -> "Belief":
        """The belief that all options have the pooled rate.

        Args:
            success: (…) successes of all options.
            total: (…) executions of all options.
            options: Number of options.
        """
        rate = ((1 + success) / (2 + total))[..., None]
        spread = 1 / ((2 + total[..., None]) * rate * (1 - rate))
        ones = np.ones(options)
        return cls(logit_of(rate) * ones, spread * ones, np.zeros_like(spread))

    @property
    def rate(self) -> Floats:
        """(…, m) expected success rates, 0..1.

        The logistic function of the logits, which are those of mean rates.
        """
        return logistic(self.logit)

    def quantiles(self, deviations: float) -> Floats:
        """(…, m) rates, 0..1, so many standard deviations of the logit from its mean."""
        return logistic(self.logit + deviations * np.sqrt(self.own + self.shared))

    def after(
        self,
        counts: Counts,
        weights: Floats,
        design_effect: float = 1.0,
        overstated: float = 1.0,
        half: float = ANY,
    ) -> "Belief":
        """The belief about the tasks of the next level, given counts on them.

        The variance of the level is added only in proportion to the evidence on any option: without
        evidence, this remains the belief about the level before.

        Args:
            counts: (…, m) of each option on such tasks. The belief may rest on some of them
                already.
            weights: (j,) prior weights of the pairs of variances.
            design_effect: Of the counts (see `shifts`); 1 if outcomes are independent.
            overstated: Factor by which the counts' information is overstated for other reasons. It
                widens intervals, and doesn't change rates.
            half: Information of all options together at which half of the level's variance is
                added; > 0.
        """
        if not counts.total.any():
            return self
        found = shifts(self.logit, counts, design_effect)
        dimensions = self.logit.ndim
        logs = _first(np.log(weights), dimensions) + found.evidence[..., None]
        weight = np.exp(logs - logs.max(axis=0))
        weight /= weight.sum(axis=0)
        logit = (weight * found.logit).sum(axis=0)
        known = found.information.sum(axis=-1, keepdims=True)
        known = known / (known + half)
        information = found.information / (design_effect * overstated)
        own = _first(OWN, dimensions) * known + self.own
        alone = 1 / (1 + own * information)  # share of the common shift that an option is left with
        precision = np.vecdot(information, alone)[..., None]
        common = _first(COMMON, dimensions) * known
        common = common / (1 + common * precision)
        shared = common * alone.min(axis=-1, keepdims=True, initial=1.0) ** 2
        square = own * alone + common * alone**2 - shared + (found.logit - logit) ** 2
        return Belief(
            logit,
            (weight * square).sum(axis=0),
            self.shared + (weight * shared).sum(axis=0),
        )

    def after_groups(self, counts: Counts, group: NDArray[np.int64]) -> "Belief":
        """The belief after a common shift of the options in each group.

        Args:
            counts: (m,) of each option.
            group: (m,) number of each option's group, from 0.
        """
        inside = np.arange(group.max(initial=-1) + 1)[:, None] == group
        ones = np.ones(inside.shape)
        each = Belief(self.logit * ones, self.own * ones, self.shared * np.ones((len(ones), 1)))
        moved = each.after(Counts(counts.success * inside, counts.total * inside), TOGETHER)
        mine = group, np.arange(len(group))
        return Belief(moved.logit[mine], moved.own[mine] + moved.shared[group, 0], self.shared)

    def chance_of_best(self) -> Floats:
        """(m,) the probability of each rate to be the highest; the shared variance cancels out.

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


def shifts(logits: Floats, counts: Counts, design_effect: float = 1.0) -> Shifts:
    """The most probable shifts for each pair of variances, for any number of tasks at once.

    The Hessian is a diagonal with one more row and column, that of the common shift, so that a
    Newton step is computed by elimination.

    If runs of one task end alike, the mean of a few tasks is further from that of all tasks of the
    level than so many independent outcomes would be: its variance is d / I, with the design effect
    d and the information I of the counts. The likelihood accounts for 1 / I; the rest adds to the
    variance of the common shift that counts show, and only the part that is due to the level
    remains. What an option has of its own isn't affected, as far as all options were tried on the
    same tasks.

    Args:
        logits: (…, m) logits of the mean rates before.
        counts: (…, m).
        design_effect: Factor by which the variance of their mean is greater than that of
            independent outcomes, >= 1.
    """
    level, alone = _first(COMMON, logits.ndim), _first(OWN, logits.ndim)
    common = np.zeros((len(COMMON), *logits.shape[:-1], 1))
    own = np.zeros((len(OWN), *logits.shape))
    middle = logits * _widening(level + alone)
    wide = level + (design_effect - 1) / _information(logits, counts)
    for _ in range(_STEPS):
        rate = logistic(middle + common + own)
        expected = counts.total * rate
        slope, information = counts.success - expected, expected * (1 - rate)
        left = 1 / (1 + alone * information)
        precision = np.vecdot(information, left)[..., None]
        both = np.vecdot(slope + information * own, left)[..., None]
        step = (wide * both - common) / (1 + wide * precision)
        steps = step, (alone * (slope - information * step) - own) * left
        longest = max(float(np.abs(one).max(initial=0.0)) for one in steps)
        if longest > _LONGEST_STEP:
            steps = _bounded(steps[0]), _bounded(steps[1])
        common, own = common + steps[0], own + steps[1]
        if longest < _CLOSE:
            break
    at = middle + common + own
    likelihood = np.vecdot(counts.success, at) - np.vecdot(counts.total, np.logaddexp(0, at))
    penalty = (own**2 / alone - np.log(left)).sum(axis=-1)
    penalty = penalty + (common**2 / wide + np.log1p(wide * precision))[..., 0]
    of_level = level / wide
    unsure = level * (1 - of_level) + of_level**2 * wide / (1 + wide * precision)
    at = middle + of_level * common + own
    variance = alone * left + unsure * left**2
    return Shifts(at, at / _widening(variance), information, likelihood - 0.5 * penalty)


def _information(logits: Floats, counts: Counts) -> Floats:
    """(…, 1) > 0, the information of independent outcomes about the common shift."""
    rate = logistic(logits)
    return np.asarray(np.maximum(np.vecdot(counts.total, rate * (1 - rate)), 1e-9)[..., None])


def _widening(variance: Floats) -> Floats:
    """Ratio of the mean logit of a normal distribution and the logit of its mean rate."""
    return np.asarray(np.sqrt(1 + _AVERAGED * variance))


def _bounded(step: Floats) -> Floats:
    return np.minimum(np.maximum(step, -_LONGEST_STEP), _LONGEST_STEP)


def logit_of(rate: Floats | float) -> Floats:
    """Logits of rates between 0 and 1, in any shape."""
    return np.asarray(np.log(rate) - np.log1p(-np.asarray(rate)))


def _first(values: Floats, dimensions: int) -> Floats:
    """(j, 1, …): j values along a first axis before `dimensions` others."""
    return values.reshape(-1, *[1] * dimensions)
