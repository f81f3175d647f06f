"""The weight of an earlier execution as evidence for a task at hand.

    weight = closeness · recency · confidence² · votes · unchanged

- closeness, 0..1: how similar the tasks are; 1 for counts of a type or a repository.
- recency, 0..1: halves with every half-life.
- confidence c, 0..1: how sure the outcome is (`models.verdicts`). An outcome that is right with
  probability (1 + c) / 2 has c² of the information of a sure one.
- votes, 0.5..2: from feedback, and from the outcomes of tasks that used it (`votes`).
- unchanged, 0..1: the probability that the option hasn't changed since (`changepoint`).

An execution that hasn't ended is no evidence.
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
"""Similarities at which closeness is 0 and 1; between the two it grows with the square. Measured
(docs/learning.md)."""

_STEPS = 100
"""Number of steps in which evidence ages per half-life."""

Place = Literal["task_type", "repo"]
PLACES: tuple[Place, ...] = ("task_type", "repo")
Where = Place | Literal["near", "same"]

LEVELS: tuple[Where, ...] = ("task_type", "repo", "near", "same")
"""Levels of tasks at which the belief is updated, in this order: of the same type, in the same
repository, similar ones, and the same task."""


@dataclass(frozen=True)
class Evidence:
    """Ended executions, n of them, oldest first. All arrays have n elements.

    Attributes:
        option: int64, number of the option that was taken, 0..options - 1.
        success: bool, as recorded.
        corrected: float64, from `corrected_outcome`.
        similarity: float64, 0..1, similarity to the task at hand.
        same: bool, whether it is a run of the task at hand.
        weight: float64 > 0, the product of all factors but closeness and changes on such tasks.
    """

    option: Ints
    success: Bools
    corrected: Floats
    similarity: Floats
    same: Bools
    weight: Floats

    def counts(self, options: int) -> dict[Where, Counts]:
        """Counts of m options at the levels `near` and `same`."""
        weights: dict[Where, Floats] = {
            "near": ~self.same * self.weight * closeness(self.similarity),
            "same": self.same * self.weight,
        }
        return {
            where: counts_of(self.option, self.corrected, weight, options)
            for where, weight in weights.items()
        }


def corrected_outcome(success: Bools, confidence: Floats) -> Floats:
    """(n,) outcomes corrected for wrong ones, so that their mean is an unbiased rate.

    1 and 0 for sure outcomes, beyond that for others. With confidence c, a rate p is recorded as
    1/2 + c·(p - 1/2); the mean of outcomes whose distance to 1/2 is multiplied by 1/c is p again.

    Args:
        success: (n,) as recorded.
        confidence: (n,) > 0 and at most 1.
    """
    return np.asarray(0.5 + (success - 0.5) / confidence)


def counts_of(option: Ints, corrected: Floats, weight: Floats, options: int) -> Counts:
    """Counts of m options; successes are clipped to 0..total.

    Args:
        option: (n,) 0..options - 1.
        corrected: (n,) from `corrected_outcome`.
        weight: (n,) >= 0.
        options: Number of options.
    """
    success, total = (tally(option, one, options) for one in (weight * corrected, weight))
    return Counts(np.minimum(np.maximum(success, 0.0), total), total)


def closeness(similarity: Floats | NDArray[np.float32]) -> Floats:
    """(n,) 0..1: the factor of an execution's weight by its similarity."""
    share = (similarity - UNLIKE) / (ALIKE - UNLIKE)
    return np.asarray(np.clip(share, 0.0, 1.0) ** 2)


def recency(age_days: Floats, half_life_days: float) -> Floats:
    """(n,) 0..1: halves with every half-life.

    It changes in steps of a hundredth of a half-life, so that repeated answers are equal.
    """
    steps = np.floor(np.maximum(age_days, 0.0) * (_STEPS / half_life_days))
    return np.asarray(np.exp2(-steps / _STEPS))
