"""From evidence to rates: the one place where options are compared.

The tool, the replay of a user's own history and the generated worlds all call `estimate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcp_learning.recommend import changepoint
from mcp_learning.recommend.belief import EQUAL, VARIANCES, Belief, Counts, Floats
from mcp_learning.recommend.evidence import (
    LEVELS,
    Bools,
    Evidence,
    Ints,
    Where,
    closeness,
)
from mcp_learning.recommend.tallies import effective_sizes, tally

TRIED = 1.0
"""Effective executions from which an option counts as tried on tasks like this one."""

ENOUGH = 2.0
"""Effective executions, of all options together, from which there is evidence to speak of."""

ENOUGH_OF_TYPE = 10.0
"""Executions on tasks of the type that was told, from which there is, too."""

SURE = 0.95
"""Probability of being the best of the tried ones from which an option is called better."""

OFTEN = 4.0
"""Effective runs of the very task, or of each option on tasks of its type, from which nothing is
left to explore."""

BOLD = np.where(VARIANCES == 3.0, 1.0, 1e-9)
"""Weights of `belief.VARIANCES` by which options are ordered on a task that wasn't done often: they
are taken to differ much from place to place."""

BONUS = 0.5
"""Standard deviations by which an option then goes further to the front. Measured, as the other
two (docs/learning.md)."""

_Z_90 = 1.6448536269514722


@dataclass(frozen=True)
class Background:
    """What is known of m options from all tasks, those like the one at hand included.

    Attributes:
        success: Successes of all options, also of those that aren't compared.
        total: Executions of all options, likewise.
        counts: Of each option on all tasks.
        places: Likewise on those of the type, and in the repository, at hand.
    """

    success: float
    total: float
    counts: Counts
    places: Mapping[Where, Counts]


@dataclass(frozen=True)
class Estimate:
    """What is known of m options for one task.

    Attributes:
        belief: In the success rates on tasks like this one.
        effective: (m,) effective executions on tasks like this one.
        of_type: (m,) executions on tasks of the type that was told, by their weight; 0: none told.
        executions: (m,) int64, executions on tasks like this one, however little they weigh.
        global_rate: Of all options everywhere, 0..1.
        order: (m,) options, the best first.
        better: Whether the first of the tried options is the best of them with a probability of
            at least `SURE`.
        weights: (n,) what each piece of evidence weighed on tasks like this one.
        hardness: Weights of `belief.VARIANCES` for how hard the very task is.
    """

    belief: Belief
    effective: Floats
    of_type: Floats
    executions: Ints
    global_rate: float
    order: Ints
    better: bool
    weights: Floats
    hardness: Floats

    @property
    def mean(self) -> Floats:
        """(m,) expected success rates, 0..1."""
        return self.belief.rate

    @property
    def low(self) -> Floats:
        """(m,) lower bounds of the 90 % intervals of the rates, 0..1."""
        return self.belief.quantiles(-_Z_90)

    @property
    def high(self) -> Floats:
        """(m,) upper bounds, 0..1."""
        return self.belief.quantiles(_Z_90)

    @property
    def tried(self) -> Bools:
        """(m,) whether there is at least `TRIED` of evidence on tasks like this one."""
        return np.asarray(self.effective >= TRIED)

    @property
    def worse(self) -> Bools:
        """(m,) whether an option is worse than the first one with a probability of `SURE`."""
        if not len(self.order):
            return np.zeros(0, bool)
        first, logit, own = self.order[0], self.belief.logit, self.belief.own
        return np.asarray(logit[first] - logit > _Z_90 * np.sqrt(own[first] + own))

    def after_failure(self, number: int) -> Floats:
        """(m,) expected success rates, 0..1, once an option has failed on the very task."""
        failed = np.zeros(len(self.order))
        failed[number] = 1
        counts = Counts(np.zeros(len(failed)), failed)
        return self.belief.after(counts, self.hardness, common=True).rate

    @property
    def enough(self) -> bool:
        """Whether there is evidence to speak of."""
        return bool(self.effective.sum() >= ENOUGH or self.of_type.sum() >= ENOUGH_OF_TYPE)


def estimate(
    evidence: Evidence, background: Background, options: int, strengths: Sequence[Floats]
) -> Estimate:
    """Success rates of options on one task, from all evidence on all of them.

    Level by level (`belief`): everything, the option on everything, then `evidence.LEVELS`.

    The order is another one than by these rates, unless the very task or its type is known: if
    failures on similar tasks were put down to their being hard for all, and options taken to differ
    as little as they are known to, the first that succeeds would be kept for too long, and others
    not be tried.

    Args:
        evidence: Of ended executions, oldest first; may be empty.
        background: What is known from all tasks.
        options: How many there are, at least 1.
        strengths: (j,) weights of `belief.VARIANCES` for each of `LEVELS`.
    """
    close = closeness(evidence.similarity)
    unchanged = changepoint.unchanged_on_similar_tasks(
        evidence.option, evidence.success, evidence.weight * close, options
    )
    weight = evidence.weight * unchanged
    counted = replace(evidence, weight=weight)
    at = counted.counts(options)
    at.update(background.places)
    everywhere = usual(background, options)
    belief = everywhere
    for (level, common), weights in zip(LEVELS, strengths, strict=True):
        if level in at:
            belief = belief.after(at[level], weights, common=common)
    near = weight * close
    sizes = effective_sizes(evidence.option, near, options)
    promise = belief.logit
    of_type = at["task_type"].total if "task_type" in at else np.zeros(options)
    if at["same"].total.sum() < OFTEN and of_type.sum() < OFTEN * options:
        won = tally(evidence.option, near * evidence.success, options)
        tried = Counts(won, tally(evidence.option, near, options))
        bold = everywhere.after(tried, BOLD, common=False)
        promise = bold.logit + BONUS * np.sqrt(bold.own)
    order = np.lexsort((np.arange(options), -sizes, -np.round(promise, 9)))
    return Estimate(
        belief=belief,
        effective=sizes,
        of_type=of_type,
        executions=np.bincount(evidence.option[near > 0], minlength=options),
        global_rate=(1 + background.success) / (2 + background.total),
        order=order,
        better=_is_better(belief, order[sizes[order] >= TRIED]),
        weights=near,
        hardness=dict(zip(LEVELS, strengths, strict=True))["same", True],
    )


def usual(background: Background, options: int) -> Belief:
    """What is believed of options on all tasks.

    The counts may be those of several moments at once: (…, m), with (…) sums of all options.
    """
    alike = Belief.alike(np.asarray(background.success), np.asarray(background.total), options)
    return alike.after(background.counts, EQUAL, common=False)


def _is_better(belief: Belief, tried: Ints) -> bool:
    """Whether the first of the tried options is the best of them."""
    if len(tried) < 2:
        return False
    among = Belief(belief.logit[tried], belief.own[tried], belief.shared)
    return bool(among.chance_of_best()[0] >= SURE)
