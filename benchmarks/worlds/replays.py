"""Replays many histories of each form, generated or real, and compares rates with targets."""

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.worlds import histories, outcomes, simulation
from benchmarks.worlds.histories import FORMS, Form, Replayed
from benchmarks.worlds.outcomes import REAL, Outcomes, Real
from mcp_learning.recommend.scores import score

Progress = Callable[[str, int, int], None]

MOST_LOSS: dict[Form | Real, float] = {
    "distinct": 0.985,
    "repeated": 0.8,
    "issues": 0.985,
    "issues repeated": 0.8,
}
"""Log loss as a share of that of the plain rate; 1 for the other forms."""

LEAST_AUC: dict[Form | Real, float] = {"repeated": 0.8, "issues repeated": 0.8}
LEAST_GAIN: dict[Form | Real, float] = {"repeated": 0.02, "issues repeated": 0.02}

MOST_ECE = 0.04
COVERAGE = (0.87, 0.93)


@dataclass(frozen=True)
class Result:
    """The replays of one form; means over the seeds, but for the calibration error.

    Attributes:
        form: Of history.
        seeds: How many.
        log_loss: Of the rates shown.
        plain_log_loss: Of the rate of the option so far.
        auc: Of the rates shown.
        plain_auc: Of the plain ones.
        ece: Expected calibration error of the rates shown, of all seeds together.
        coverage: Share of 90 % intervals that have the true rate; None: it isn't known.
        gain: True rate of the option recommended first, less that of the best so far.
        coverage_error: Standard error of the coverage over seeds; 0 for one seed.
        gain_error: Of the gain, likewise.
    """

    form: Form | Real
    seeds: int
    log_loss: float
    plain_log_loss: float
    auc: float
    plain_auc: float
    ece: float
    coverage: float | None
    gain: float
    coverage_error: float
    gain_error: float

    @property
    def missed(self) -> list[str]:
        """The targets that were missed, in words."""
        most, (low, high) = MOST_LOSS.get(self.form, 1.0), COVERAGE
        targets = [
            (
                self.log_loss <= most * self.plain_log_loss,
                f"log loss above {most:g} times that of the plain rate",
            ),
            (self.ece <= MOST_ECE, f"calibration error above {MOST_ECE:g}"),
            (
                self.coverage is None or low <= self.coverage <= high,
                f"coverage outside {low:.0%} to {high:.0%}",
            ),
            (self.auc >= LEAST_AUC.get(self.form, 0), "AUC too low"),
            (self.gain >= LEAST_GAIN.get(self.form, -1), "too little gain over the best so far"),
        ]
        return [f"{self.form}: {text}" for met, text in targets if not met]

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self) | {"missed": self.missed}


def run(
    seeds: Sequence[int],
    half_life_days: float,
    model_dir: Path,
    progress: Progress,
    real: Outcomes | None = None,
) -> list[Result]:
    """Replays histories of each form, on all CPUs; some 10 s of one CPU each.

    Args:
        seeds: Of the histories of each form, at least one.
        half_life_days: Age at which evidence counts half, in days.
        model_dir: Where models are kept; the bundled one is used.
        progress: Called as the work goes on.
        real: Replays these instead of generated ones.
    """
    forms: Sequence[Form | Real] = FORMS if real is None else REAL
    jobs = list(product(forms, seeds))
    done: dict[Form | Real, list[Replayed]] = {}
    context = multiprocessing.get_context("spawn")  # a forked one inherits locks that are held
    workers = min(os.cpu_count() or 1, len(jobs))
    with ProcessPoolExecutor(workers, context, _embed_texts, (model_dir, real)) as pool:
        replay = partial(_replay, real=real, half_life_days=half_life_days)
        for number, ((form, _), one) in enumerate(zip(jobs, pool.map(replay, jobs), strict=True)):
            done.setdefault(form, []).append(one)
            progress("histories", number + 1, len(jobs))
    return [_result(form, found) for form, found in done.items()]


_texts: simulation.Texts | None = None  # of a child process


def _embed_texts(model_dir: Path, real: Outcomes | None) -> None:
    global _texts
    _texts = simulation.embed_texts(model_dir, real and real.texts)


def _replay(
    job: tuple[Form | Real, int], *, real: Outcomes | None, half_life_days: float
) -> Replayed:
    assert _texts is not None
    form, seed = job
    if real is not None:
        history = outcomes.make(cast("Real", form), seed, real)
    else:
        history = histories.make(cast("Form", form), seed, *histories.kinds_and_repositories())
    return histories.replay(history, _texts, half_life_days)


def _result(form: Form | Real, found: Sequence[Replayed]) -> Result:
    both = [one.scores for one in found]
    ours, plain = [a for a, _ in both], [b for _, b in both]
    covered = [float(one.covered.mean()) for one in found]
    gained = [float(one.gain.mean()) for one in found]
    return Result(
        form=form,
        seeds=len(found),
        log_loss=float(np.mean([one.log_loss for one in ours])),
        plain_log_loss=float(np.mean([one.log_loss for one in plain])),
        auc=float(np.mean([one.auc or 0.5 for one in ours])),
        plain_auc=float(np.mean([one.auc or 0.5 for one in plain])),
        ece=score(
            np.concatenate([one.predicted for one in found]),
            np.concatenate([one.happened for one in found]),
        ).ece,
        coverage=None if form in REAL else float(np.mean(covered)),
        gain=float(np.mean(gained)),
        coverage_error=_standard_error(covered),
        gain_error=_standard_error(gained),
    )


def _standard_error(values: Sequence[float]) -> float:
    """Of the mean of independent values; 0 for a single one."""
    return float(np.std(values) / max(len(values) - 1, 1) ** 0.5)
