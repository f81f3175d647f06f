"""Scores of predicted probabilities, and a calibration curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BINS = 10
_LEAST = 1e-3  # the log loss of a certain, wrong prediction would be infinite


@dataclass(frozen=True)
class Scores:
    """Scores of n predictions.

    Attributes:
        log_loss: Mean of -log of the probability given to what happened, in nats; 0 is perfect.
        brier: Mean squared error of the probabilities, 0..1; 0 is perfect.
        auc: Probability that a success was given more than a failure, 0..1; 0.5 by chance; None
            if all ended alike.
        ece: Expected calibration error, 0..1: the mean distance of predicted and observed rates
            over `BINS` equal intervals, weighted by predictions.
    """

    log_loss: float
    brier: float
    auc: float | None
    ece: float


@dataclass(frozen=True)
class Bin:
    """Predictions in one interval: their mean, how many succeeded, and how many there are."""

    predicted: float
    observed: float
    count: int


def score(predicted: Floats, happened: Bools) -> Scores:
    """Scores n >= 1 predicted probabilities, 0..1, against outcomes."""
    gaps = [one.count * abs(one.predicted - one.observed) for one in curve(predicted, happened)]
    return Scores(
        log_loss=float(losses(predicted, happened).mean()),
        brier=float(((predicted - happened) ** 2).mean()),
        auc=_auc(predicted, happened),
        ece=float(sum(gaps) / len(predicted)),
    )


def losses(predicted: Floats, happened: Bools) -> Floats:
    """(n,) the logarithmic loss of each of n probabilities, in nats."""
    certain = np.clip(predicted, _LEAST, 1 - _LEAST)
    return np.asarray(-np.log(np.where(happened, certain, 1 - certain)))


def chance_ece(predicted: Floats) -> float:
    """The expected calibration error of n correct probabilities, 0..1.

    In each interval, the mean absolute deviation of a normal distribution.
    """
    inside = np.minimum((predicted * BINS).astype(int), BINS - 1)
    variance = np.bincount(inside, predicted * (1 - predicted), BINS)
    return float(np.sqrt(2 / np.pi * variance).sum() / len(predicted))


def curve(predicted: Floats, happened: Bools) -> list[Bin]:
    """The intervals that have predictions, ascending.

    Source of the calibration error: M. Naeini, G. Cooper and M. Hauskrecht, "Obtaining well
    calibrated probabilities using Bayesian binning", AAAI (2015).
    """
    numbers = np.minimum((predicted * BINS).astype(int), BINS - 1)
    inside = (numbers == number for number in range(BINS))
    return [
        Bin(float(predicted[some].mean()), float(happened[some].mean()), int(some.sum()))
        for some in inside
        if some.any()
    ]


def _auc(predicted: Floats, happened: Bools) -> float | None:
    """The AUC by mid-ranks (Mann and Whitney, 1947)."""
    wins, losses = int(happened.sum()), int((~happened).sum())
    if not wins or not losses:
        return None
    _, number, count = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[number]
    return float((ranks[happened].sum() - wins * (wins + 1) / 2) / (wins * losses))
