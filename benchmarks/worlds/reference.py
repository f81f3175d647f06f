"""Regret after a drift of learners that know more than any recommender can.

The worlds are those of `python -m benchmarks worlds`, but which family a task is of is known.
Each learner counts what every option did in every family, around a weak prior. After the drift it
takes the options of a family for new: of the families that changed (`told`); of each with the
probability that its counts give that, when the moment of the drift and the share of families that
change are known (`moment`); likewise, but the moment has to be told from what all families did, and
a drift may also be seen where there is none (`share`); or of none (`nothing`). It chooses the
greatest mean, or the greatest mean plus `bonus` standard deviations. None looks further ahead, or
knows which options of a family changed: these are points of reference, not a bound.

Printed: mean regret of 200 tasks each, as a share of the best fixed option's after the drift.
"""

from collections.abc import Sequence
from math import lgamma

import numpy as np

from benchmarks.worlds import simulation
from benchmarks.worlds.families import FAMILIES
from benchmarks.worlds.simulation import DRIFTING, OPTIONS, TASKS, Kind, World
from benchmarks.worlds.trials import RECOVER
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.evidence import Ints

KINDS: tuple[Kind, ...] = ("broken", "swapped")
STEP = 20
"""Tasks between moments that are told apart."""

PRIOR = 1.5
"""Successes, and failures, beforehand: recorded rates are between 0.18 and 0.82."""

_LOG_GAMMA = np.array([lgamma(PRIOR + n) for n in range(TASKS + 1)])
_LOG_GAMMA_OF_BOTH = np.array([lgamma(2 * PRIOR + n) for n in range(TASKS + 1)])


def optimistic_means(counts: Ints, bonus: float) -> Floats:
    """Mean plus `bonus` standard deviations of Beta, from (..., 2) failures and successes."""
    size = 2 * PRIOR + counts.sum(axis=-1)
    mean = (PRIOR + counts[..., 1]) / size
    return np.asarray(mean + bonus * np.sqrt(mean * (1 - mean) / (size + 1)))


def chance_of_change(old: Ints, new: Ints) -> Floats:
    """(worlds,) that options are new, from (worlds, options, 2) before and after the drift."""
    same = log_marginal(old + new) - log_marginal(old)
    odds = np.exp(np.clip(same - log_marginal(new), -50, 50))
    return np.asarray(DRIFTING / (DRIFTING + (1 - DRIFTING) * odds))


def log_marginal(counts: Ints) -> Floats:
    """(worlds,) logarithm of the probability of (worlds, options, 2) counts, but for a constant."""
    of_each = _LOG_GAMMA[counts].sum(axis=-1) - _LOG_GAMMA_OF_BOTH[counts.sum(axis=-1)]
    none = 2 * _LOG_GAMMA[0] - _LOG_GAMMA_OF_BOTH[0]
    return np.asarray((of_each - none).sum(axis=1))


class ChangePoints:
    """When options may have changed, at every `STEP`-th task, and how likely all families make it.

    It is known that they change once, at a moment of which nothing is known, in a share `DRIFTING`
    of the families. One of these for many worlds, which are at the same task.
    """

    def __init__(self, made: int) -> None:
        self.each = np.arange(made)
        self.moments = TASKS // STEP
        self.passed = 0
        self.before = np.zeros((self.moments, made, len(FAMILIES), OPTIONS, 2), np.uint8)
        self.told = np.zeros((self.moments, made, len(FAMILIES)))

    def advance(self, now: int, counts: Ints) -> None:
        """Notes (worlds, families, options, 2) counts up to a moment."""
        if now % STEP == 0 and now:
            self.before[self.passed] = counts
            self.passed += 1

    def new(self, family: Ints, counts: Ints) -> tuple[Floats, Ints]:
        """(moments, worlds) chances that the family changed then, and counts since then."""
        old = self.before[: self.passed, self.each, family].astype(np.int64)
        odds = np.exp(np.clip(self._gain(old, counts), -50, 50))
        self.told[: self.passed, self.each, family] = np.log(1 - DRIFTING + DRIFTING * odds)
        told = self.told[: self.passed].sum(axis=2)
        most = np.maximum(told.max(axis=0, initial=0), 0)
        chance = np.exp(told - most)
        chance /= chance.sum(axis=0) + (self.moments - self.passed) * np.exp(-most)
        return chance * DRIFTING * odds / (1 - DRIFTING + DRIFTING * odds), counts - old

    @staticmethod
    def _gain(old: Ints, counts: Ints) -> Floats:
        gain = [
            log_marginal(before) + log_marginal(counts - before) - log_marginal(counts)
            for before in old
        ]
        return np.asarray(gain).reshape(len(old), len(counts))


def follow(made: list[World], knows: str, bonus: float) -> list[float]:
    """Regret in windows of `RECOVER` tasks, from the one before the drift on."""
    drift, each = TASKS // 2, np.arange(len(made))
    rates = np.stack([world.rates for world in made])
    family, changed, luck, wrong = (
        np.stack([getattr(world, name) for world in made])
        for name in ("family", "changed", "luck", "wrong")
    )
    counts = np.zeros((2, len(made), len(FAMILIES), OPTIONS, 2), np.int64)
    regret, moments = np.zeros((len(made), TASKS)), ChangePoints(len(made))
    for now in range(TASKS):
        old, new = counts[:, each, family[:, now]]
        hope = optimistic_means(old + new, bonus)
        if knows == "share":
            moments.advance(now, counts.sum(axis=0))
            doubt, since = moments.new(family[:, now], old + new)
            hope = hope + (doubt[..., None] * (optimistic_means(since, bonus) - hope)).sum(axis=0)
        elif now >= drift and knows != "nothing":
            told = np.asarray(changed[:, now].any(axis=1), np.float64)
            sure = told if knows == "told" else chance_of_change(old, new)
            hope = hope + sure[:, None] * (optimistic_means(new, bonus) - hope)
        taken = hope.argmax(axis=1)
        rate = rates[each, now, taken]
        regret[:, now] = rates[:, now].max(axis=1) - rate
        success = (luck[:, now] < rate) != wrong[:, now]
        counts[int(now >= drift), each, family[:, now], taken, success.astype(np.int64)] += 1
    fixed = [
        simulation.regret_of_best_fixed(world, drift, TASKS) / (TASKS - drift) for world in made
    ]
    shares = regret / np.array(fixed)[:, None]
    starts = range(drift - RECOVER, TASKS, RECOVER)
    return [float(shares[:, start : start + RECOVER].mean()) for start in starts]


def print_table(seeds: Sequence[int]) -> None:
    """Prints a line for each kind of drift, knowledge and bonus."""
    print("drift    knows    bonus  before  0-200  200-400  400-600  600-800  800-1000")
    for kind in KINDS:
        made = [simulation.make(kind, seed) for seed in seeds]
        for knows in ("told", "moment", "share", "nothing"):
            for bonus in (0.0, 0.5, 1.0):
                figures = "    ".join(f"{one:.3f}" for one in follow(made, knows, bonus))
                print(f"{kind:8} {knows:8} {bonus:<5}  {figures}", flush=True)
