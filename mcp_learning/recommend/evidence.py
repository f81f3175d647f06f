"""How much an earlier execution counts as evidence for a task at hand.

    weight = closeness · recency · votes · unchanged · place · supersession

- closeness, 0..1: how much alike the tasks are; 0 up to a similarity of `UNLIKE`, 1 from `ALIKE`.
- recency, 0..1: halves with every half-life.
- votes, 0.5..2: what feedback says, and how the tasks ended that used it (`votes`).
- unchanged, 0..1: how likely the option works as well today as it did then (`changepoint`).
- place: `ELSEWHERE` for another repository, and for another type of task, than was asked about.
- supersession: `SUPERSEDED` if a later run of the same task ended otherwise.

An execution that hasn't ended is no evidence. Time enters as ages, so that equal data give equal
weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.posterior import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

UNLIKE, ALIKE = 0.3, 0.75
"""Similarities up to which a task is no evidence at all, and from which it is as good as the same;
between them the weight grows by the square. Measured (docs/learning.md)."""

ELSEWHERE = 0.5
"""Weight of an execution in another repository, or of another type, than the task at hand."""

SUPERSEDED = 0.5
"""Weight of a run after which the same task, in the same repository and with the same option, ended
otherwise. Not 0: of an option that succeeds by chance only the last streak would be left, and
every rate would look more extreme than it is."""


@dataclass(frozen=True)
class Evidence:
    """Ended executions, n of them, oldest first. All arrays have n elements.

    Attributes:
        option: int64, the number of what was tried, 0..options - 1.
        success: bool.
        similarity: float64, 0..1, with the task at hand.
        age_days: float64, >= 0.
        factor: float64 > 0, the product of votes, place and supersession.
        unchanged: float64, 0..1, from `changepoint.unchanged_on_all_tasks`.
    """

    option: Ints
    success: Bools
    similarity: Floats
    age_days: Floats
    factor: Floats
    unchanged: Floats


def closeness(similarity: Floats) -> Floats:
    """(n,) 0..1: how much of an execution's weight its similarity leaves."""
    return np.asarray(np.clip((similarity - UNLIKE) / (ALIKE - UNLIKE), 0.0, 1.0) ** 2)


def recency(age_days: Floats, half_life_days: float) -> Floats:
    """(n,) 0..1: half as much with every half-life."""
    return np.asarray(np.exp2(-np.maximum(age_days, 0.0) / half_life_days))


def superseded(task: Ints, repo: Ints, option: Ints, success: Bools) -> Bools:
    """(n,) whether a later run of the same task, repository and option ended otherwise.

    Args:
        task: (n,) equal for runs of the same task; all arrays oldest first.
        repo: (n,) equal for runs in the same repository.
        option: (n,).
        success: (n,).
    """
    if not len(task):
        return np.zeros(0, bool)
    newest_first = np.lexsort((-np.arange(len(task)), option, repo, task))
    keys = np.stack([task, repo, option], axis=1)[newest_first]
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
