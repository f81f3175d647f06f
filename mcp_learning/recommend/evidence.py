"""How much an earlier execution counts as evidence for a task at hand.

    weight = closeness · recency · confidence² · votes · unchanged

- closeness, 0..1: how much alike the tasks are; 1 for counts of a type or a repository.
- recency, 0..1: halves with every half-life.
- confidence, 0..1: how sure the outcome is (`models.verdicts`). One that is right with probability
  of (1 + c) / 2 has c² of the information of a sure one.
- votes, 0.5..2: what feedback says, and how the tasks ended that used it (`votes`).
- unchanged, 0..1: how likely the option works as well today as it did then (`changepoint`).

An execution that hasn't ended is no evidence. Time enters as ages, so that equal data give equal
weights.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.belief import Counts, Floats
from mcp_learning.recommend.tallies import tally

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


UNLIKE, ALIKE = 0.3, 0.75
"""Similarity up to which a task is no evidence, and from which it is as good as the same; between
the two, its closeness grows by the square. Measured (docs/learning.md)."""

_STEPS = 100
"""In which evidence ages within a half-life."""

Place = Literal["task_type", "repo"]
PLACES: tuple[Place, ...] = ("task_type", "repo")
Where = Place | Literal["near", "same"]

LEVELS: tuple[Where, ...] = ("task_type", "repo", "near", "same")
"""Which tasks are looked at one after the other: those of the type told, those in the repository,
those of one kind, and the very task."""


@dataclass(frozen=True)
class Evidence:
    """Ended executions, n of them, oldest first. All arrays have n elements.

    Attributes:
        option: int64, the number of what was tried, 0..options - 1.
        success: bool, as recorded.
        says: float64, what that says of a rate, from `said`.
        similarity: float64, 0..1, with the task at hand.
        same: bool, whether it is the task at hand.
        weight: float64 > 0, the product of all but closeness and a change on such tasks.
    """

    option: Ints
    success: Bools
    says: Floats
    similarity: Floats
    same: Bools
    weight: Floats

    def counts(self, options: int) -> dict[Where, Counts]:
        """Counts of so many options at the levels that similarity decides on."""
        weights: dict[Where, Floats] = {
            "near": ~self.same * self.weight * closeness(self.similarity),
            "same": self.same * self.weight,
        }
        return {
            where: counts_of(self.option, self.says, weight, options)
            for where, weight in weights.items()
        }


def said(success: Bools, confidence: Floats) -> Floats:
    """(n,) what outcomes say of a rate: 1 or 0 if they are sure, beyond that if they aren't.

    Of confidence c, a rate p is recorded as 1/2 + c·(p - 1/2). Its mean over outcomes that are
    moved away from 1/2 by 1/c is p again.

    Args:
        success: (n,) as recorded.
        confidence: (n,) more than 0, at most 1.
    """
    return np.asarray(0.5 + (success - 0.5) / confidence)


def counts_of(option: Ints, says: Floats, weight: Floats, options: int) -> Counts:
    """Counts of so many options, each 0..total.

    Args:
        option: (n,) 0..options - 1.
        says: (n,) from `said`.
        weight: (n,) >= 0.
        options: How many there are.
    """
    total = tally(option, weight, options)
    return Counts(np.clip(tally(option, weight * says, options), 0.0, total), total)


def closeness(similarity: Floats | NDArray[np.float32]) -> Floats:
    """(n,) 0..1: how much of an execution's weight its similarity leaves."""
    share = (similarity - UNLIKE) / (ALIKE - UNLIKE)
    return np.asarray(np.clip(share, 0.0, 1.0) ** 2)


def recency(age_days: Floats, half_life_days: float) -> Floats:
    """(n,) 0..1: half as much with every half-life.

    In steps of a hundredth of one, so that answers don't change from one moment to the next.
    """
    steps = np.floor(np.maximum(age_days, 0.0) * (_STEPS / half_life_days))
    return np.asarray(np.exp2(-steps / _STEPS))
