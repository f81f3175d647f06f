"""Trials in generated worlds, and the bars that the recommender has to clear in them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcp_learning.bench import worlds
from mcp_learning.bench.scores import Bools, Floats, score
from mcp_learning.bench.worlds import LAST, WARM_UP, Course, Kind, World

Progress = Callable[[str, int, int], None]

KINDS: tuple[Kind, ...] = ("steady", "drift", "equal")
WINDOW = 100
"""Tasks over which regret is averaged to see whether it has recovered."""

RECOVER = 200
"""Tasks after a drift within which it has to."""

MOST_REGRET = 0.35
MOST_ECE = 0.05
COVERAGE = (0.85, 0.95)
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
    """All seeds of one kind of world.

    Attributes:
        kind: Of world.
        seeds: How many.
        regret: Over the last `LAST` tasks, as a share of the best fixed option's; the oracle's is
            0. None where options are equally good.
        recovery: Mean regret of the `WINDOW` tasks from `RECOVER` after a drift, as a share of
            what the best fixed option has per task after the drift; None without drift.
        by_window: The same for each window of `WINDOW` tasks, from the one before the drift on.
        ece: Of the predictions of all seeds together.
        coverage: Share of 90 % intervals that have the true rate.
        better: Share of the tasks on which an option was said to be better than the others.
        mistaken: Share of the tasks on which that was wrong.
    """

    kind: Kind
    seeds: int
    regret: Spread | None
    recovery: Spread | None
    by_window: list[float]
    ece: float
    coverage: Spread
    better: Spread
    mistaken: Spread

    @property
    def missed(self) -> list[str]:
        """The bars that were not cleared, in words."""
        low, high = COVERAGE
        bars = [
            (
                self.regret is None or self.kind != "steady" or self.regret.mean <= MOST_REGRET,
                f"regret above {MOST_REGRET:.0%} of the best fixed option's",
            ),
            (
                self.recovery is None or self.recovery.mean <= MOST_REGRET,
                f"not recovered {RECOVER} tasks after the drift",
            ),
            (self.ece <= MOST_ECE, f"calibration error above {MOST_ECE:g}"),
            (
                low <= self.coverage.mean <= high or self.kind != "steady",
                f"coverage outside {low:.0%} to {high:.0%}",
            ),
            (self.mistaken.mean <= MOST_MISTAKEN, f"false verdicts above {MOST_MISTAKEN:.0%}"),
        ]
        return [f"{self.kind}: {text}" for cleared, text in bars if not cleared]

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
    seeds: int,
    half_life_days: float,
    model_dir: Path,
    progress: Progress,
    kinds: Sequence[Kind] = KINDS,
    tasks: int = worlds.TASKS,
) -> Outcome:
    """Follows recommendations through worlds of each kind. Takes seconds for each of them.

    Args:
        seeds: Worlds of each kind, at least 1.
        half_life_days: Age at which evidence counts half, in days.
        model_dir: Where models are kept; the bundled one is used.
        progress: Called as the work goes on.
        kinds: Of worlds.
        tasks: In each world, more than `WARM_UP`.
    """
    progress("comparing texts", 0, 1)
    texts = worlds.compare_texts(model_dir)
    found: dict[Kind, list[tuple[World, Course]]] = {kind: [] for kind in kinds}
    for kind in kinds:
        for seed in range(seeds):
            progress(f"{kind} worlds", seed, seeds)
            world = worlds.make(kind, seed, tasks)
            found[kind].append((world, worlds.follow(world, texts, half_life_days)))
    shown = [course for _, course in found[kinds[0]]]
    return Outcome(
        trials=[_trial(kind, runs) for kind, runs in found.items()],
        predicted=np.concatenate([course.predicted[WARM_UP:] for course in shown]),
        succeeded=np.concatenate([course.succeeded[WARM_UP:] for course in shown]),
    )


def _trial(kind: Kind, runs: Sequence[tuple[World, Course]]) -> Trial:
    windows = [_windows(world, course) for world, course in runs if world.drift is not None]
    at = RECOVER // WINDOW + 1  # the first is before the drift
    settled = [window[at] for window in windows if len(window) > at]
    return Trial(
        kind=kind,
        seeds=len(runs),
        regret=None if kind == "equal" else Spread.of([_share(*one) for one in runs]),
        recovery=Spread.of(settled) if settled else None,
        by_window=np.mean(windows, axis=0).tolist() if windows else [],
        ece=score(
            np.concatenate([course.predicted[WARM_UP:] for _, course in runs]),
            np.concatenate([course.succeeded[WARM_UP:] for _, course in runs]),
        ).ece,
        coverage=Spread.of([float(course.covered[WARM_UP:].mean()) for _, course in runs]),
        better=Spread.of([float(course.better.mean()) for _, course in runs]),
        mistaken=Spread.of([float(course.mistaken.mean()) for _, course in runs]),
    )


def _share(world: World, course: Course) -> float:
    end = len(course.regret)
    start = max(0, end - LAST)
    return float(course.regret[start:].sum()) / worlds.regret_of_best_fixed(world, start, end)


def _windows(world: World, course: Course) -> list[float]:
    """Regret by window, as a share of the best fixed option's per task after the drift."""
    assert world.drift is not None
    end = len(course.regret)
    fixed = worlds.regret_of_best_fixed(world, world.drift, end) / (end - world.drift)
    starts = range(world.drift - WINDOW, end - WINDOW + 1, WINDOW)
    return [float(course.regret[start : start + WINDOW].mean()) / fixed for start in starts]
