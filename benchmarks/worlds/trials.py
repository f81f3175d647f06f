"""Runs many worlds of each kind, and compares the recommender with its targets."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.worlds import simulation
from benchmarks.worlds.simulation import LAST, WARM_UP, Kind, Texts, Trajectory, World
from mcp_learning.recommend.scores import Bools, Floats, score

Progress = Callable[[str, int, int], None]
_Run = tuple[World, Trajectory]

KINDS: tuple[Kind, ...] = ("steady", "bursts", "outage", "broken", "swapped", "equal")
WINDOW = 100
"""Tasks over which regret is averaged to show its course."""

RECOVER = 200
"""Tasks after a drift within which regret has to be back to what it was in so many before."""

MOST_REGRET = 0.35
MOST_ECE = 0.04
COVERAGE = (0.87, 0.93)
MOST_MISTAKEN = 0.05


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation, least and greatest value over seeds."""

    mean: float
    sd: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value."""
        one = np.array(values)
        return cls(float(one.mean()), float(one.std()), float(one.min()), float(one.max()))


@dataclass(frozen=True)
class Trial:
    """The results of all seeds of one kind of world.

    Attributes:
        kind: Of world.
        seeds: How many.
        regret: Over the last `LAST` tasks, as a share of the best fixed option's; the oracle's is
            0. None where options are equally good.
        before: Mean regret of the `RECOVER` tasks before a drift, as a share of what the best fixed
            option has per task after it; None without drift.
        after: The same of as many tasks, from `RECOVER` after the drift on.
        excess: `after` less `before` in each world.
        told: `after` if it is told at once which options changed on which families.
        by_window: The same for each window of `WINDOW` tasks, from the one before the drift on.
        ece: Of the predictions of all seeds together.
        coverage: Share of 90 % intervals that have the true rate.
        better: Share of the tasks on which an option was said to be better than the others.
        mistaken: Share of the tasks on which that was wrong.
    """

    kind: Kind
    seeds: int
    regret: Spread | None
    before: Spread | None
    after: Spread | None
    excess: Spread | None
    told: Spread | None
    by_window: list[float]
    ece: float
    coverage: Spread
    better: Spread
    mistaken: Spread

    @property
    def missed(self) -> list[str]:
        """The targets that were missed, in words."""
        low, high = COVERAGE
        targets = [
            (
                self.regret is None or self.kind != "steady" or self.regret.mean <= MOST_REGRET,
                f"regret above {MOST_REGRET:.0%} of the best fixed option's",
            ),
            (
                self.recovered,
                f"regret from {RECOVER} tasks after the drift on is above what it was before",
            ),
            (self.ece <= MOST_ECE, f"calibration error above {MOST_ECE:g}"),
            (
                low <= self.coverage.mean <= high or self.kind != "steady",
                f"coverage outside {low:.0%} to {high:.0%}",
            ),
            (self.mistaken.mean <= MOST_MISTAKEN, f"false verdicts above {MOST_MISTAKEN:.0%}"),
        ]
        return [f"{self.kind}: {text}" for met, text in targets if not met]

    @property
    def recovered(self) -> bool:
        """Whether regret is back to its level before the drift, within the standard error."""
        return self.excess is None or self.excess.mean <= self.excess.sd / self.seeds**0.5

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self) | {"missed": self.missed}


@dataclass(frozen=True)
class Outcome:
    """All trials, and the predictions of the steady worlds for a plot."""

    trials: list[Trial]
    predicted: Floats
    succeeded: Bools


def run(
    seeds: Sequence[int],
    half_life_days: float,
    model_dir: Path,
    progress: Progress,
    kinds: Sequence[Kind] = KINDS,
    tasks: int = simulation.TASKS,
) -> Outcome:
    """Follows recommendations through worlds of each kind, on all CPUs.

    Takes some 10 s of one CPU for each world, and twice that for one with a drift.

    Args:
        seeds: Of the worlds of each kind, at least one.
        half_life_days: Age at which evidence counts half, in days.
        model_dir: Where models are kept; the bundled one is used.
        progress: Called as the work goes on.
        kinds: Of worlds.
        tasks: In each world, more than `WARM_UP`.
    """
    jobs = [
        (kind, seed, told)
        for kind, seed, told in product(kinds, seeds, (False, True))
        if not told or kind in simulation.DRIFTS
    ]
    done: dict[tuple[Kind, bool], list[_Run]] = {}
    with ProcessPoolExecutor(
        min(os.cpu_count() or 1, len(jobs)),
        mp_context=multiprocessing.get_context(
            "spawn"
        ),  # a forked one inherits locks that are held
        initializer=_keep_texts,
        initargs=(simulation.embed_texts(model_dir),),
    ) as pool:
        follow = partial(_follow, tasks=tasks, half_life_days=half_life_days)
        for (kind, _, told), made in zip(jobs, pool.map(follow, jobs), strict=True):
            done.setdefault((kind, told), []).append(made)
            progress("worlds", sum(map(len, done.values())), len(jobs))
    shown = [course for _, course in done[kinds[0], False]]
    return Outcome(
        trials=[_trial(kind, done[kind, False], done.get((kind, True), [])) for kind in kinds],
        predicted=np.concatenate([course.predicted[WARM_UP:] for course in shown]),
        succeeded=np.concatenate([course.succeeded[WARM_UP:] for course in shown]),
    )


_texts: Texts | None = None  # of a child process


def _keep_texts(texts: Texts) -> None:
    global _texts
    _texts = texts


def _follow(job: tuple[Kind, int, bool], *, tasks: int, half_life_days: float) -> _Run:
    assert _texts is not None
    kind, seed, told = job
    world = simulation.make(kind, seed, tasks)
    return world, simulation.follow(world, _texts, half_life_days, told=told)


def _trial(kind: Kind, runs: Sequence[_Run], told: Sequence[_Run]) -> Trial:
    drifted = [(world, course) for world, course in runs if world.drift is not None]
    windows = [_windows(world, course) for world, course in drifted]
    before, after = (_over(drifted, start) for start in (-RECOVER, RECOVER))
    return Trial(
        kind=kind,
        seeds=len(runs),
        regret=None if kind == "equal" else Spread.of([_share(*one) for one in runs]),
        before=_spread(before),
        after=_spread(after),
        excess=_spread([late - early for early, late in zip(before, after, strict=True)]),
        told=_spread(_over(told, RECOVER)),
        by_window=np.mean(windows, axis=0).tolist() if windows else [],
        ece=score(
            np.concatenate([course.predicted[WARM_UP:] for _, course in runs]),
            np.concatenate([course.succeeded[WARM_UP:] for _, course in runs]),
        ).ece,
        coverage=Spread.of([float(course.covered[WARM_UP:].mean()) for _, course in runs]),
        better=Spread.of([float(course.better.mean()) for _, course in runs]),
        mistaken=Spread.of([float(course.mistaken.mean()) for _, course in runs]),
    )


def _over(runs: Sequence[_Run], start: int) -> list[float]:
    """Mean regret of the `RECOVER` tasks from `start` after the drift, in each world."""
    return [
        _relative(world, course, world.drift + start, RECOVER)
        for world, course in runs
        if world.drift is not None
    ]


def _spread(values: Sequence[float]) -> Spread | None:
    return Spread.of(values) if values else None


def _share(world: World, course: Trajectory) -> float:
    end = len(course.regret)
    start = max(0, end - LAST)
    return float(course.regret[start:].sum()) / simulation.regret_of_best_fixed(world, start, end)


def _windows(world: World, course: Trajectory) -> list[float]:
    assert world.drift is not None
    starts = range(world.drift - WINDOW, len(course.regret) - WINDOW + 1, WINDOW)
    return [_relative(world, course, start, WINDOW) for start in starts]


def _relative(world: World, course: Trajectory, start: int, tasks: int) -> float:
    """Mean regret of some tasks, as a share of the best fixed option's after the drift."""
    assert world.drift is not None
    end = len(course.regret)
    fixed = simulation.regret_of_best_fixed(world, world.drift, end) / (end - world.drift)
    return float(course.regret[start : start + tasks].mean()) / fixed
