"""How much an earlier execution counts as evidence for a task at hand.

    weight = closeness · recency · standing · constancy · place · supersession

- closeness, 0..1: how much alike the tasks are; 0 up to a similarity of `UNLIKE`, 1 from `ALIKE`.
- recency, 0..1: halves with every half-life.
- standing, 0.5..2: what feedback says, and how the tasks ended that used it (`recalls`).
- constancy, 0..1: how likely the option works as well today as it did then.
- place: `ELSEWHERE` for another repository, or another type of task, than was asked about.
- supersession: `SUPERSEDED` if a later run of the same task ended otherwise.

An execution that hasn't ended is no evidence. Time enters as ages, so that equal data give equal
weights.
"""

from dataclasses import dataclass
from math import lgamma

import numpy as np
from numpy.typing import NDArray

from mcp_learning.learn.posterior import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UNLIKE, ALIKE = 0.3, 0.75
"""Similarities up to which a task is no evidence at all, and from which it is as good as the same;
between them the weight grows by the square. Measured (docs/learning.md)."""

ELSEWHERE = 0.5
"""Weight of an execution in another repository, or of another type, than the task at hand."""

SUPERSEDED = 0.5
"""Weight of a run after which the same task, in the same place and with the same option, ended
otherwise. Not 0: of an option that succeeds by chance only the last streak would be left, and
every rate would look more extreme than it is."""

HAZARD = 0.005
"""Probability, before looking, that an option changed for good between two of its runs."""

LEAST_TOLD = 0.1
"""Weight below which an execution has no say in whether its option has changed."""

MOST_LOOKED_AT = 200
"""Latest executions of an option among which a change is looked for."""


@dataclass(frozen=True)
class Evidence:
    """Ended executions, n of them, oldest first. All arrays have n elements.

    Attributes:
        option: int64, the number of what was tried, 0..options - 1.
        success: bool.
        similarity: float64, 0..1, with the task at hand.
        age_days: float64, >= 0.
        factor: float64 > 0, the product of standing, place and supersession.
    """

    option: Ints
    success: Bools
    similarity: Floats
    age_days: Floats
    factor: Floats


def closeness(similarity: Floats) -> Floats:
    """(n,) 0..1: how much of an execution's weight its similarity leaves."""
    return np.asarray(np.clip((similarity - UNLIKE) / (ALIKE - UNLIKE), 0.0, 1.0) ** 2)


def recency(age_days: Floats, half_life_days: float) -> Floats:
    """(n,) 0..1: half as much with every half-life."""
    return np.asarray(np.exp2(-np.maximum(age_days, 0.0) / half_life_days))


def superseded(task: Ints, place: Ints, option: Ints, success: Bools) -> Bools:
    """(n,) whether a later run of the same task, place and option ended otherwise.

    Args:
        task: (n,) equal for runs of the same task; all arrays oldest first.
        place: (n,) equal for runs in the same repository.
        option: (n,).
        success: (n,).
    """
    if not len(task):
        return np.zeros(0, bool)
    newest_first = np.lexsort((-np.arange(len(task)), option, place, task))
    keys = np.stack([task, place, option], axis=1)[newest_first]
    ended = success[newest_first]
    first = np.ones(len(task), bool)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    changed = np.zeros(len(task), np.int64)
    changed[1:] = (ended[1:] != ended[:-1]) & ~first[1:]
    changes = np.cumsum(changed)
    start = np.maximum.accumulate(np.where(first, np.arange(len(task)), 0))
    found = np.zeros(len(task), bool)
    found[newest_first] = changes > changes[start]
    return found


def constancy(option: Ints, success: Bools, weight: Floats, options: int) -> Floats:
    """(n,) 0..1: the probability that nothing changed between each execution and today.

    For every moment between two runs of an option, the likelihood that its rate changed there is
    set against the likelihood that it never did, both beta-binomial with a uniform prior, a change
    having the probability `HAZARD`. What came before a likely change counts less.

    Source: the single change-point of R. Adams and D. MacKay, "Bayesian online changepoint
    detection" (2007), with fractional counts.

    Args:
        option: (n,) 0..options - 1, oldest first.
        success: (n,).
        weight: (n,) >= 0, how much each tells about the task at hand.
        options: How many there are.
    """
    kept = np.ones(len(option))
    near = np.flatnonzero(weight > LEAST_TOLD)
    counts = np.bincount(option[near], minlength=options)
    for one in np.flatnonzero(counts >= 4).tolist():
        rows = near[option[near] == one][-MOST_LOOKED_AT:]
        older = near[(option[near] == one) & (near < rows[0])]
        doubt = _doubt(success[rows], np.minimum(weight[rows], 1.0))
        kept[rows] = 1 - doubt
        kept[older] = 1 - doubt[0]
    return kept


def _doubt(success: Bools, weight: Floats) -> Floats:
    """(k,) the probability of a change after each of k >= 2 runs of one option, oldest first."""
    won, seen = np.cumsum(weight * success), np.cumsum(weight)
    before = _log_marginal(won, seen)
    after = _log_marginal(won[-1] - won[:-1], seen[-1] - seen[:-1])
    odds = HAZARD * np.exp(np.clip(before[:-1] + after - before[-1], -50.0, 50.0))
    later = np.cumsum(odds[::-1])[::-1] / (1 + odds.sum())
    return np.append(later, 0.0)


def _log_marginal(won: Floats, seen: Floats) -> Floats:
    """Logarithm of the probability of counts, at most `MOST_LOOKED_AT`, under a uniform prior."""
    lost = np.maximum(seen - won, 0.0)
    return _log_gamma(np.maximum(won, 0.0) + 1) + _log_gamma(lost + 1) - _log_gamma(seen + 2)


def _log_gamma(values: Floats) -> Floats:
    """Log Γ between 1 and `MOST_LOOKED_AT` + 2, from a table: off by 0.0001 at most."""
    return np.asarray(np.interp(values, _POINTS, _LOG_GAMMAS))


_POINTS = np.arange(64, 64 * (MOST_LOOKED_AT + 3)) / 64
_LOG_GAMMAS = np.array([lgamma(point) for point in _POINTS.tolist()])
