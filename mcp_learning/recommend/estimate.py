"""From evidence to rates: the one place where options are compared.

The tool, the replay of a user's own history and the generated worlds all call `estimate`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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

OFTEN_IF_INFERRED = 30.0
"""Likewise of each option on tasks of its type, if that is inferred: within a type there may be
kinds of tasks for which other options are better. Measured, as the others (docs/learning.md)."""

OVERSTATED = 2.0
"""How many times the information of runs of the very task is overstated: how far options differ on
one task is known from few runs, and underestimated. Measured by the coverage of intervals."""

RUNS = 1.0
"""Information of runs of the very task from which half of how options may differ on one task makes
rates less sure: that of four runs at a rate of 1/2. Measured by the coverage of intervals, where
tasks repeat and where they hardly do (docs/learning.md)."""


@dataclass(frozen=True)
class Background:
    """What is known of m options from all tasks, those like the one at hand included.

    Attributes:
        success: Successes of all options, also of those that aren't compared.
        total: Executions of all options, likewise.
        usual: What is believed of the options on all tasks, with kinds on which an option was tried
            often counting no more than others: where the best is taken, an option is tried most on
            what it is good at.
        plain: (m,) rates on all tasks, each execution counting the same.
        places: Counts of the options on tasks of the type, and in the repository, at hand.
        told: Whether the type was told, rather than inferred.
    """

    success: float
    total: float
    usual: Belief
    plain: Floats
    places: Mapping[Where, Counts]
    told: bool = True


@dataclass(frozen=True)
class Regularities:
    """What a history shows (`strengths`).

    Attributes:
        levels: For each of `evidence.LEVELS`, weights of the pairs of variances.
        overstated: How many times the information of counts on other tasks is overstated, >= 1.
        versions: (n,) int64, ascending, versions of the embeddings of the executions learned from.
        tried: (n,) >= 1, how many executions with the same option are of that kind of task.
        usual: The median of these.
        types: Tells the type of a task; None: texts don't tell it here.
        failures: Tells the type of error with which a task may fail; likewise.
    """

    levels: Sequence[Floats]
    overstated: float
    versions: Ints
    tried: Floats
    usual: float
    types: TextClassifier | None = None
    failures: TextClassifier | None = None

    def types_of(self, vector: NDArray[np.float32] | None) -> Mapping[str, float]:
        """Probabilities of the types that a task may be of; empty if nothing tells them."""
        return {} if self.types is None else self.types.probabilities(vector)

    def failures_of(self, vector: NDArray[np.float32] | None) -> Mapping[str, float]:
        """Probabilities of the types of error with which a task fails, if it does; likewise."""
        return {} if self.failures is None else self.failures.probabilities(vector)

    def crowd(self, versions: Ints) -> Floats:
        """(k,) `tried` of executions, by their embeddings' versions; the median of new ones."""
        if not len(self.versions):
            return np.ones(len(versions))
        at = np.minimum(np.searchsorted(self.versions, versions), len(self.versions) - 1)
        known = self.versions[at] == versions
        return np.where(known, self.tried[at], self.usual)


WEIGHTS = {level: UNIFORM if level == "same" else FEW for level in LEVELS}
"""Of the pairs of variances at each level, before anything is known."""

UNKNOWN = Regularities(list(WEIGHTS.values()), 1.0, np.zeros(0, np.int64), np.zeros(0), 1.0)
"""Of a history that is too short to learn from."""


@dataclass(frozen=True)
class Estimate:
    """What is known of m options for one task.

    Attributes:
        belief: In the success rates on this task.
        differ: By which options are told apart: the belief, or, as long as the task wasn't done
            often, that in the rates on tasks like it.
        effective: (m,) effective executions on tasks like this one.
        of_type: (m,) executions on tasks of the type that was told, by their weight; 0: none told.
        executions: (m,) int64, executions on tasks like this one, however little they weigh.
        global_rate: Of all options everywhere, 0..1.
        order: (m,) options, the best first.
        weights: (n,) what each piece of evidence weighed on tasks like this one.
        same: Weights of the pairs of variances for the very task.
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

    @property
    def mean(self) -> Floats:
        """(m,) expected success rates, 0..1."""
        return self.belief.rate

    @property
    def low(self) -> Floats:
        """(m,) lower bounds of the 90 % intervals of the rates, 0..1."""
        return self.belief.quantiles(-Z_90)

    @property
    def high(self) -> Floats:
        """(m,) upper bounds, 0..1."""
        return self.belief.quantiles(Z_90)

    @property
    def tried(self) -> Bools:
        """(m,) whether there is at least `TRIED` of evidence on tasks like this one."""
        return np.asarray(self.effective >= TRIED)

    @property
    def known(self) -> Bools:
        """(m,) whether there is as much on such tasks or on those of the type told."""
        return np.asarray(np.maximum(self.effective, self.of_type) >= TRIED)

    @property
    def better(self) -> bool:
        """Whether the first known option is the best of them with a probability of `SURE`."""
        known = self.order[self.known[self.order]]
        return len(known) > 1 and bool(self.differ.of(known).chance_of_best()[0] >= SURE)

    @property
    def worse(self) -> Bools:
        """(m,) whether an option is worse than the first one with a probability of `SURE`."""
        if not len(self.order):
            return np.zeros(0, bool)
        first, logit, own = self.order[0], self.differ.logit, self.differ.own
        return np.asarray(logit[first] - logit > Z_90 * np.sqrt(own[first] + own))

    def after_failures(self, options: Sequence[int]) -> Floats:
        """(k, m) expected success rates, 0..1, once each of k options failed on the very task."""
        failed = np.eye(len(self.order))[options]
        each = Belief(self.belief.logit * np.ones_like(failed), *self.belief[1:])
        return each.after(Counts(np.zeros_like(failed), failed), self.same).rate

    @property
    def enough(self) -> bool:
        """Whether there is evidence to speak of."""
        return bool(self.effective.sum() >= ENOUGH or self.of_type.sum() >= ENOUGH_OF_TYPE)


def estimate(
    evidence: Evidence, background: Background, options: int, learned: Regularities
) -> Estimate:
    """Success rates of options on one task, from all evidence on all of them.

    Level by level (`belief`): everything, the option on everything, then `evidence.LEVELS`.

    The order is another one than by these rates, unless the very task or its type is known
    (`_shrunk`): if failures on similar tasks were put down to their being hard for all, the first
    option that succeeds would be kept for too long, and others not be tried.

    Args:
        evidence: Of ended executions, oldest first; may be empty.
        background: What is known from all tasks.
        options: How many there are, at least 1.
        learned: From the same history.
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
            alike = alike.after(at[level], weights, learned.overstated)
    belief = alike.after(at["same"], of_task, OVERSTATED, RUNS)
    done_often = at["same"].total.sum() >= OFTEN
    near = weight * close
    sizes = effective_sizes(evidence.option, near, options)
    promise = belief.logit
    of_type = at["task_type"].total if "task_type" in at else np.zeros(options)
    often = OFTEN if background.told else OFTEN_IF_INFERRED
    if not done_often and of_type.sum() < often * options:
        counts = counts_of(evidence.option, evidence.says, near, options)
        differ = np.average(OWN, weights=of_kind / FEW)  # none is likelier before much is known
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
    """(m,) rates on tasks of one kind that put nothing down to how hard these are for all.

    The mean of a Beta distribution around the rate on all tasks, as wide as logits that differ from
    kind to kind by this variance: so another option is tried soon after failures where the history
    shows that options suit different kinds, and the best one of all stays first where it doesn't.

    Args:
        plain: (m,) rates on all tasks, 0..1, ends excluded.
        counts: (m,) on tasks of one kind.
        sizes: (m,) how many executions these amount to.
        variance: Of what options differ by from kind to kind, on the logit, > 0.
    """
    before = 1 / (variance * plain * (1 - plain))
    won = counts.success / np.maximum(counts.total, 1e-300)
    return np.asarray((before * plain + sizes * won) / (before + sizes))


def usual(
    success: Floats | float, total: Floats | float, counts: Counts, parts: Sequence[Ints] = ()
) -> Belief:
    """What is believed of options on all tasks.

    The counts may be those of several moments at once: (…, m), with (…) sums of all options.

    Args:
        success: Of everything.
        total: Likewise.
        counts: Of each option.
        parts: What options are made of, such as model tier and pool: for each part, (m,) numbers
            of its values. An option is expected to be as its parts are, one after the other.
    """
    options = counts.total.shape[-1]
    belief = Belief.alike(np.asarray(success), np.asarray(total), options)
    for part in parts:
        belief = belief.after_groups(counts, part)
    return belief.after(counts, APART)
