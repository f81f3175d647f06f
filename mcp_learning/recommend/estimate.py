"""From evidence to rates: the one place where options are compared.

The tool, the replay of a user's own history and the generated worlds all call `estimate`.
"""

from dataclasses import dataclass

import numpy as np

from mcp_learning.recommend import changepoint
from mcp_learning.recommend.evidence import Bools, Evidence, Ints, closeness, recency
from mcp_learning.recommend.posterior import (
    STRENGTHS,
    Counts,
    Floats,
    Posterior,
    effective_sizes,
    expected,
    posterior,
    tally,
)

TRIED = 1.0
"""Effective executions from which an option counts as tried on tasks like this one."""

ENOUGH = 2.0
"""Effective executions, of all options together, from which there is evidence to speak of."""

SURE = 0.95
"""Probability of being the best of the tried ones from which an option is called better."""

CARRIES_OVER = 0.8
"""How far from 1/2 an option's rate is expected to be on tasks like this one, as a share of how far
it is on other tasks. Below 1, since it was taken there for doing well, and does worse where it
wasn't: selection makes observed rates too good. Measured (docs/learning.md)."""

WEIGHTS = tuple(1 / strength for strength in STRENGTHS)
"""Of the strengths of what other tasks say about an option on tasks like this one: equal on a
logarithmic scale would be 1 each; these lean to weak ones, since kinds of work differ."""


@dataclass(frozen=True)
class Background:
    """What is known from tasks that are unlike the one at hand.

    Attributes:
        counts: Of each of m options, weighted by recency and `changepoint.unchanged_on_all_tasks`.
        success: Successes of all options, also of those that aren't compared.
        total: Executions of all options, likewise.
    """

    counts: Counts
    success: float
    total: float

    @classmethod
    def nothing(cls, options: int) -> "Background":
        """No evidence at all."""
        return cls(Counts(np.zeros(options), np.zeros(options)), 0.0, 0.0)


@dataclass(frozen=True)
class Estimate:
    """What is known of m options for one task.

    Attributes:
        posterior: Of the success rates on tasks like this one.
        low: (m,) lower bounds of the 90 % intervals (5 % of the posterior is below), 0..1.
        high: (m,) upper bounds, 0..1.
        effective: (m,) effective executions on tasks like this one.
        executions: (m,) int64, executions on tasks like this one, however little they weigh.
        global_rate: Of all options everywhere, 0..1.
        order: (m,) options, the best first.
        better: Whether the first of the tried options is the best of them with a probability of
            at least `SURE`.
        weights: (n,) what each piece of evidence weighed on tasks like this one.
    """

    posterior: Posterior
    low: Floats
    high: Floats
    effective: Floats
    executions: Ints
    global_rate: float
    order: Ints
    better: bool
    weights: Floats

    @property
    def mean(self) -> Floats:
        """(m,) expected success rates, 0..1."""
        return self.posterior.mean

    @property
    def tried(self) -> Bools:
        """(m,) whether there is at least `TRIED` of evidence on tasks like this one."""
        return np.asarray(self.effective >= TRIED)

    @property
    def enough(self) -> bool:
        """Whether there is evidence to speak of."""
        return bool(self.effective.sum() >= ENOUGH)


def estimate(
    evidence: Evidence, options: int, half_life_days: float, background: Background | None = None
) -> Estimate:
    """Success rates of options on one task, from all evidence on all of them.

    In three levels, each of which is the prior of the next: the rate of everything, the rate of
    the option on other tasks (moved towards 1/2, see `CARRIES_OVER`), the rate of the option on
    tasks like this one. Each piece of evidence counts once: on this task with its closeness,
    elsewhere with the rest of its weight.

    Args:
        evidence: Of ended executions, oldest first; may be empty.
        options: How many there are, at least 1.
        half_life_days: Age at which evidence counts half, in days, > 0.
        background: What is known from other tasks beside the evidence; None: nothing.
    """
    background = background or Background.nothing(options)
    close = closeness(evidence.similarity)
    base = evidence.factor * recency(evidence.age_days, half_life_days)
    unchanged = changepoint.unchanged_on_similar_tasks(
        evidence.option, evidence.success, base * close, options
    )
    base = base * np.minimum(unchanged, evidence.unchanged)
    near, far = base * close, base * (1 - close)
    won = float((base * evidence.success).sum()) + background.success
    global_rate = (1 + won) / (2 + float(base.sum()) + background.total)
    counted = _counts(evidence, far, options)
    elsewhere = expected(
        Counts(
            counted.success + background.counts.success,
            counted.failure + background.counts.failure,
        ),
        np.full(options, global_rate),
    )
    before = 0.5 + CARRIES_OVER * (elsewhere - 0.5)
    sizes = effective_sizes(evidence.option, near, options)
    counts = _counts(evidence, near, options)
    scale = np.minimum(1.0, sizes / np.maximum(counts.total, 1e-300))
    found = posterior(Counts(counts.success * scale, counts.failure * scale), before, WEIGHTS)
    low, high = found.quantiles(0.05, 0.95)
    mean = found.mean
    tried = np.flatnonzero(sizes >= TRIED)
    return Estimate(
        posterior=found,
        low=np.minimum(low, mean),
        high=np.maximum(high, mean),
        effective=sizes,
        executions=np.bincount(evidence.option[near > 0], minlength=options),
        global_rate=global_rate,
        order=np.lexsort((np.arange(options), -sizes, -np.round(mean, 9))),
        better=_is_better(found, tried),
        weights=near,
    )


def _counts(evidence: Evidence, weights: Floats, options: int) -> Counts:
    success = tally(evidence.option, weights * evidence.success, options)
    failure = tally(evidence.option, weights * ~evidence.success, options)
    return Counts(success, failure)


def _is_better(found: Posterior, tried: Ints) -> bool:
    if len(tried) < 2:
        return False
    among = Posterior(found.mass[tried], found.strengths)
    return bool(among.chance_of_best().max() >= SURE)
