"""Estimates success rates of options from evidence.

The tool, the replay of a user's own history and the generated worlds all call `estimate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mcp_learning.insights.rates import Z_90
from mcp_learning.recommend import changepoint
from mcp_learning.recommend.belief import APART, FEW, OWN, UNIFORM, Belief, Counts, Floats
from mcp_learning.recommend.evidence import (
    LEVELS,
    Bools,
    Evidence,
    Ints,
    Where,
    closeness,
    counts_of,
)
from mcp_learning.recommend.tallies import effective_sizes
from mcp_learning.recommend.text_classifier import TextClassifier

TRIED = 1.0
"""Least effective executions of an option that counts as tried on tasks like this one."""

ENOUGH = 2.0
"""Least effective executions, of all options together, that are sufficient evidence."""

ENOUGH_OF_TYPE = 10.0
"""Least executions on tasks of the known type that are sufficient evidence, too."""

SURE = 0.95
"""Least probability of being the best tried option for one that is called better."""

OFTEN = 4.0
"""Least number of runs of the same task, or of each option on tasks of its type, at which exploring
other options isn't worth it."""

OFTEN_IF_INFERRED = 30.0
"""The same for each option on tasks of an inferred type, within which other options may be better
for some kinds of tasks. Measured, as the others (docs/learning.md)."""

SAME_TASK_OVERSTATED = 2.0
"""Factor by which the information of runs of the same task is overstated: the differences of
options on one task are known from few runs, and underestimated. Measured by the coverage of
intervals."""

RUNS = 1.0
"""`half` in `Belief.after` for runs of the same task: the information of four runs at a rate of
1/2. Measured by the coverage of intervals, where tasks repeat and where they hardly do
(docs/learning.md)."""


@dataclass(frozen=True)
class Background:
    """What is known of m options from all tasks, including those like the one at hand.

    Attributes:
        success: Successes of all options, including those that aren't compared.
        total: Executions of all options, likewise.
        usual: Belief about the options on all tasks, with less weight for executions of a kind of
            which there are many: if agents take the best option, each is tried most on what it is
            good at.
        plain: (m,) rates on all tasks, with equal weight for each execution.
        places: Counts of the options on other tasks of the same type, and in the same repository.
        type_is_given: Whether the type was given, rather than inferred.
    """

    success: float
    total: float
    usual: Belief
    plain: Floats
    places: Mapping[Where, Counts]
    type_is_given: bool = True


@dataclass(frozen=True)
class Regularities:
    """What was learned from a history (`strengths`).

    Attributes:
        levels: For each of `evidence.LEVELS`, prior weights of the pairs of variances.
        design_effect: Factor by which the information of counts on other tasks is overstated, >= 1.
        versions: (n,) int64, ascending, embedding versions of the executions learned from.
        effects: (n,) >= 1, the design effect of the executions of the same option and kind of task:
            1 + (k - 1)·r for k executions whose outcomes have the correlation r.
        usual: The median of these.
        types: Predicts the type of a task; None: texts don't predict it.
        failures: Predicts the type of error with which a task may fail; None likewise.
    """

    levels: Sequence[Floats]
    design_effect: float
    versions: Ints
    effects: Floats
    usual: float
    types: TextClassifier | None = None
    failures: TextClassifier | None = None

    def types_of(self, vector: NDArray[np.float32] | None) -> Mapping[str, float]:
        """Probabilities of a task's types; empty if they can't be predicted."""
        return {} if self.types is None else self.types.probabilities(vector)

    def failures_of(self, vector: NDArray[np.float32] | None) -> Mapping[str, float]:
        """Probabilities of the types of error if a task fails; empty likewise."""
        return {} if self.failures is None else self.failures.probabilities(vector)

    def kind_effects(self, versions: Ints) -> Floats:
        """(k,) `effects` of executions by embedding version; `usual` for unknown ones."""
        if not len(self.versions):
            return np.ones(len(versions))
        at = np.minimum(np.searchsorted(self.versions, versions), len(self.versions) - 1)
        known = self.versions[at] == versions
        return np.where(known, self.effects[at], self.usual)


WEIGHTS = {level: UNIFORM if level == "same" else FEW for level in LEVELS}
"""Prior weights of the pairs of variances at each level, before anything is learned."""

UNKNOWN = Regularities(list(WEIGHTS.values()), 1.0, np.zeros(0, np.int64), np.zeros(0), 1.0)
"""What is assumed if the history is too short to learn from."""


@dataclass(frozen=True)
class Estimate:
    """What is known of m options for one task.

    Attributes:
        belief: Belief about the success rates on this task.
        differ: Belief by which options are compared: the same, or, while the task has few runs,
            that about tasks like it.
        effective: (m,) effective executions on tasks like this one.
        of_type: (m,) summed weight of executions on other tasks of the type; 0 without a type.
        executions: (m,) int64, number of executions on tasks like this one, of any weight.
        global_rate: Success rate of all options on all tasks, 0..1.
        order: (m,) options, best first.
        weights: (n,) weight of each piece of evidence.
        same: Prior weights of the pairs of variances for runs of the same task.
    """

    belief: Belief
    differ: Belief
    effective: Floats
    of_type: Floats
    executions: Ints
    global_rate: float
    order: Ints
    weights: Floats
    same: Floats

    @cached_property
    def mean(self) -> Floats:
        """(m,) expected success rates, 0..1."""
        return self.belief.rate

    @cached_property
    def low(self) -> Floats:
        """(m,) lower bounds of the 90 % intervals of the rates, 0..1."""
        return self.belief.quantiles(-Z_90)

    @cached_property
    def high(self) -> Floats:
        """(m,) upper bounds of the 90 % intervals of the rates, 0..1."""
        return self.belief.quantiles(Z_90)

    @property
    def tried(self) -> Bools:
        """(m,) whether there are at least `TRIED` effective executions on tasks like this one."""
        return np.asarray(self.effective >= TRIED)

    @cached_property
    def known(self) -> Bools:
        """(m,) whether there are as many on such tasks or on tasks of the type."""
        return np.asarray(np.maximum(self.effective, self.of_type) >= TRIED)

    @property
    def better(self) -> bool:
        """Whether the first known option is the best of them with a probability of `SURE`."""
        known = self.order[self.known[self.order]]
        return len(known) > 1 and bool(self.differ.of(known).chance_of_best()[0] >= SURE)

    @cached_property
    def worse(self) -> Bools:
        """(m,) whether an option is worse than the first one with a probability of `SURE`."""
        if not len(self.order):
            return np.zeros(0, bool)
        first, logit, own = self.order[0], self.differ.logit, self.differ.own
        return np.asarray(logit[first] - logit > Z_90 * np.sqrt(own[first] + own))

    def after_failures(self, options: Sequence[int]) -> Floats:
        """(k, m) expected success rates, 0..1, after each of k options has failed on this task."""
        failed = np.eye(len(self.order))[options]
        each = Belief(self.belief.logit * np.ones_like(failed), *self.belief[1:])
        return each.after(Counts(np.zeros_like(failed), failed), self.same).rate

    @property
    def enough(self) -> bool:
        """Whether there is sufficient evidence."""
        return bool(self.effective.sum() >= ENOUGH or self.of_type.sum() >= ENOUGH_OF_TYPE)


def estimate(
    evidence: Evidence, background: Background, options: int, learned: Regularities
) -> Estimate:
    """Estimates success rates of options on one task.

    The belief is updated level by level: all options on all tasks, each option on all tasks, then
    `evidence.LEVELS`.

    Unless there are many runs of the task or its type, the order isn't by these rates, but by
    `_shrunk` ones: if failures on similar tasks were attributed to hard tasks, the first option
    that succeeds would be kept for too long, and others not be tried.

    Args:
        evidence: Ended executions, oldest first; may be empty.
        background: What is known from all tasks.
        options: Number of options, at least 1.
        learned: What was learned from the same history.
    """
    close = closeness(evidence.similarity)
    unchanged = changepoint.unchanged_on_similar_tasks(
        evidence.option, evidence.success, evidence.weight * close, options
    )
    weight = evidence.weight * unchanged
    counted = replace(evidence, weight=weight)
    at = counted.counts(options)
    at.update(background.places)
    alike = background.usual
    *wider, (_, of_task) = zip(LEVELS, learned.levels, strict=True)
    _, of_kind = wider[-1]
    for level, weights in wider:
        if level in at:
            alike = alike.after(at[level], weights, learned.design_effect)
    belief = alike.after(at["same"], of_task, overstated=SAME_TASK_OVERSTATED, half=RUNS)
    done_often = at["same"].total.sum() >= OFTEN
    near = weight * close
    sizes = effective_sizes(evidence.option, near, options)
    promise = belief.logit
    of_type = at["task_type"].total if "task_type" in at else np.zeros(options)
    often = OFTEN if background.type_is_given else OFTEN_IF_INFERRED
    if not done_often and of_type.sum() < often * options:
        counts = counts_of(evidence.option, evidence.corrected, near, options)
        differ = np.average(OWN, weights=of_kind / FEW)  # learned weights without the prior
        promise = _shrunk(background.plain, counts, sizes, float(differ))
    order = np.lexsort((np.arange(options), -sizes, -np.round(promise, 9)))
    return Estimate(
        belief=belief,
        differ=belief if done_often else alike,
        effective=sizes,
        of_type=of_type,
        executions=np.bincount(evidence.option[near > 0], minlength=options),
        global_rate=(1 + background.success) / (2 + background.total),
        order=order,
        weights=near,
        same=of_task,
    )


def _shrunk(plain: Floats, counts: Counts, sizes: Floats, variance: float) -> Floats:
    """(m,) rates on tasks of one kind, without a common shift for hard or easy tasks.

    The mean of a Beta distribution around the rate on all tasks, with the given variance of logits
    between kinds of tasks. So another option is tried soon after failures if the history shows that
    options suit different kinds; otherwise the best option on all tasks stays first.

    Args:
        plain: (m,) rates on all tasks, 0..1, ends excluded.
        counts: (m,) on tasks of one kind.
        sizes: (m,) effective numbers of executions of these.
        variance: Variance of an option's logits between kinds of tasks, > 0.
    """
    before = 1 / (variance * plain * (1 - plain))
    won = counts.success / np.maximum(counts.total, 1e-300)
    return np.asarray((before * plain + sizes * won) / (before + sizes))


def usual(
    success: Floats | float, total: Floats | float, counts: Counts, parts: Sequence[Ints] = ()
) -> Belief:
    """The belief about options on all tasks.

    The counts may be those of several moments at once: (…, m), with (…) sums of all options.

    Args:
        success: Successes of all options.
        total: Executions of all options.
        counts: Counts of each option.
        parts: Parts that options are composed of, such as model tier and pool: for each part, (m,)
            numbers of its values. The belief about an option is based on its parts, one by one.
    """
    options = counts.total.shape[-1]
    belief = Belief.pooled(np.asarray(success), np.asarray(total), options)
    for part in parts:
        belief = belief.after_groups(counts, part)
    return belief.after(counts, APART)
