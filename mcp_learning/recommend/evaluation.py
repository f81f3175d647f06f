"""Evaluates a replay: scores, baselines, and the estimated effect of following the advice."""

from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from mcp_learning.errors import LearningError
from mcp_learning.insights.rates import Z_90
from mcp_learning.models.wording import counted
from mcp_learning.recommend.replay import Replay
from mcp_learning.recommend.scores import Bools, Floats, Scores, chance_ece, curve, losses, score

LEAST_PREDICTIONS = 100
"""Least number of predictions for meaningful scores."""

LEAST_OF_EACH = 20
"""Least number of successes, and of failures, for meaningful scores."""

LEAST_FOLLOWED = 30
"""Least number of executions with the recommended option for an estimate of its effect."""

MOST_ECE = 0.04
"""Greatest calibration error of rates that are trustworthy."""


@dataclass(frozen=True)
class Following:
    """The estimated success rate of always following the recommendation.

    The self-normalised inverse propensity estimate (A. Swaminathan and T. Joachims, "The
    self-normalized estimator for counterfactual learning", NIPS 2015) over the executions that took
    the recommended option, each weighted by the inverse of how often that option was taken for its
    type of task. It is unbiased only if nothing else influenced the choices of agents.

    Attributes:
        matched: Executions that took the recommended option.
        rate: Estimated success rate when always following, 0..1.
        low: Lower bound of its 90 % interval (normal, by the weights' effective size).
        high: Upper bound.
        logged: Success rate of the options that were taken, 0..1.
        best_fixed: Success rate of the single option with the highest one, 0..1, among options
            with at least `LEAST_FOLLOWED` executions; None if there is none.
    """

    matched: int
    rate: float
    low: float
    high: float
    logged: float
    best_fixed: float | None

    @property
    def regret(self) -> float | None:
        """Success rate of the best fixed option minus that of following."""
        return None if self.best_fixed is None else self.best_fixed - self.rate


@dataclass(frozen=True)
class Report:
    """An evaluation.

    `thin`: sentences on data that is too scarce for scores. `missed`: sentences on advice that is
    worse than required, beyond chance.
    """

    predictions: int
    with_evidence: int
    ours: Scores | None
    per_option: Scores | None
    overall: Scores | None
    following: Following | None
    thin: list[str]
    missed: list[str]

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        values = asdict(self)
        if self.following is not None:
            values["following"]["regret"] = self.following.regret
        return values


def evaluate(replayed: Replay) -> Report:
    """Scores a replay."""
    happened = replayed.happened
    count, won = len(happened), int(happened.sum())
    thin = []
    if count < LEAST_PREDICTIONS:
        thin.append(
            f"only {counted(count, 'execution')} with an outcome, the option and a vector; "
            f"scores mean little below {LEAST_PREDICTIONS}"
        )
    if count and min(won, count - won) < LEAST_OF_EACH:
        thin.append(
            f"{counted(won, 'success')} and {counted(count - won, 'failure')}; at least "
            f"{LEAST_OF_EACH} of each are needed to tell predictions apart"
        )
    missed = [] if thin else _missed(replayed)
    matched = int((replayed.followed & replayed.enough).sum())
    if matched < LEAST_FOLLOWED:
        thin.append(
            f"only {counted(matched, 'execution')} took what would have been recommended; what "
            f"following it would change can't be estimated below {LEAST_FOLLOWED}"
        )
    return Report(
        predictions=count,
        with_evidence=int(replayed.enough.sum()),
        ours=score(replayed.predicted, happened) if count else None,
        per_option=score(replayed.by_option, happened) if count else None,
        overall=score(replayed.by_all, happened) if count else None,
        following=_following(replayed) if matched >= LEAST_FOLLOWED else None,
        thin=thin,
        missed=missed,
    )


def _missed(replayed: Replay) -> list[str]:
    predicted, happened = replayed.predicted, replayed.happened
    worse = losses(predicted, happened) - losses(replayed.by_option, happened)
    mean, error = float(worse.mean()), float(worse.std()) / sqrt(len(worse))
    off, by_chance = score(predicted, happened).ece, chance_ece(predicted)
    missed = []
    if mean > Z_90 * error:
        missed.append(
            f"predictions are worse than the rate per option: {mean:.3f} more log loss (standard "
            f"error {error:.3f})"
        )
    if off > MOST_ECE + by_chance:
        missed.append(
            f"calibration error {off:.3f}, more than {MOST_ECE:g} and what chance makes of "
            f"{len(happened):,} outcomes, {by_chance:.3f}"
        )
    return missed


def check_plot(to: Path) -> None:
    """Refuses a plot that `draw` couldn't make; a replay before it takes minutes.

    Raises:
        LearningError: matplotlib isn't installed, or doesn't know the file's suffix.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LearningError(
            "--plot needs matplotlib: pip install matplotlib, or leave --plot out"
        ) from error
    if to.suffix.lower().lstrip(".") not in Figure().canvas.get_supported_filetypes():
        raise LearningError(f"--plot: {to} has to end with .svg or .png")


def draw(predicted: Floats, happened: Bools, title: str, to: Path) -> None:
    """Writes a calibration plot: observed against predicted rates, each point with its count.

    Raises:
        LearningError: The file can't be written.
    """
    from matplotlib.figure import Figure

    figure = Figure((4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", lw=1, color="tab:gray", label="perfect")
    points = curve(predicted, happened)
    half = [Z_90 * sqrt(p.observed * (1 - p.observed) / p.count) for p in points]
    x, y = [p.predicted for p in points], [p.observed for p in points]
    axes.errorbar(x, y, half, fmt="o-", ms=4, capsize=2, label="mcp-learning, 90 %")
    for point in points:
        at = (point.predicted, point.observed)
        axes.annotate(point.count, at, (5, -9), textcoords="offset points", size=7)
    axes.set(title=title, xlabel="predicted", ylabel="succeeded", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(to)
    except (OSError, ValueError) as error:
        raise LearningError(f"--plot: {to} can't be written: {error}") from error


def _following(replayed: Replay) -> Following:
    taken = replayed.followed & replayed.enough
    weights = 1 / replayed.propensity[taken]
    success = replayed.happened[taken]
    rate = float((weights * success).sum() / weights.sum())
    size = float(weights.sum() ** 2 / (weights**2).sum())
    half = Z_90 * sqrt(max(rate * (1 - rate), 0.25 / size) / size)
    counts = np.bincount(replayed.option)
    rates = np.bincount(replayed.option, replayed.happened) / np.maximum(counts, 1)
    common = rates[counts >= LEAST_FOLLOWED]
    return Following(
        matched=int(taken.sum()),
        rate=rate,
        low=max(0.0, rate - half),
        high=min(1.0, rate + half),
        logged=float(replayed.happened.mean()),
        best_fixed=float(common.max()) if len(common) else None,
    )
