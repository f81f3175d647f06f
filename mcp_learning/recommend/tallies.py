"""Sums of evidence by group, and what they amount to."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.belief import Counts, Floats


def tally(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) the sum of the weights of each group, 0..count - 1."""
    return np.bincount(groups, weights, count).astype(np.float64, copy=False)


def effective_sizes(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) how many whole pieces of evidence each group amounts to.

    The sum of its weights, but never more than (Σw)² / Σw²: the sum is small where all evidence is
    weak, Kish's size is small where a few pieces outweigh the rest. So two votes on one execution
    don't make two executions of it.

    Source of the second: L. Kish, Survey Sampling (1965), section 11.7.

    Args:
        groups: (n,) 0..count - 1.
        weights: (n,) >= 0.
        count: How many groups there are.
    """
    return np.minimum(tally(groups, weights, count), _kish(groups, weights, count))


def typical(
    groups: NDArray[np.int64],
    says: Floats,
    weights: Floats,
    tried: Floats,
    count: int,
) -> Counts:
    """(count,) successes and totals of each group as they are on a typical kind of task.

    An execution counts the less, the more executions there are of its kind: the rate of a group is
    the mean over kinds, and its total the effective size of what that leaves (L. Kish, see above).

    Args:
        groups: (n,) 0..count - 1.
        says: (n,) what their outcomes say of a rate (`evidence.said`).
        weights: (n,) >= 0.
        tried: (n,) >= 1, how many executions of the group are of that kind of task.
        count: How many groups there are.
    """
    thinned = weights / tried
    total = tally(groups, thinned, count)
    size = np.minimum(_kish(groups, thinned, count), tally(groups, weights, count))
    rate = tally(groups, thinned * says, count) / np.maximum(total, 1e-300)
    return Counts(size * np.clip(rate, 0.0, 1.0), size)


def _kish(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) Kish's effective size of each group, (Σw)² / Σw²; 0 of one without weight."""
    squares = tally(groups, weights**2, count)
    return np.asarray(tally(groups, weights, count) ** 2 / np.maximum(squares, 1e-300))


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The value below which `share`, 0..1, of the weight lies, interpolated between values.

    Each value stands in the middle of its weight (R. Hyndman and Y. Fan, "Sample quantiles in
    statistical packages", The American Statistician 50 (1996), 361-365, type 5, with weights).

    Args:
        values: (n,), at least one.
        weights: (n,) > 0.
        share: 0.5 gives the median.
    """
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    places = (ends - weights[order] / 2) / ends[-1]
    return float(np.interp(share, places, values[order]))
