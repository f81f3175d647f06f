"""Sums of evidence by group, and effective sizes."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.belief import Counts, Floats


def tally(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) the sum of the weights of each group, 0..count - 1."""
    return np.bincount(groups, weights, count).astype(np.float64, copy=False)


def effective_sizes(groups: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """(count,) the effective number of pieces of evidence of each group.

    The sum of its weights, but at most Kish's effective size (Σw)² / Σw² (L. Kish, Survey Sampling
    (1965), section 11.7). The sum is small if all evidence is weak, Kish's size if a few pieces
    outweigh the rest, so that two votes on one execution don't make two executions of it.

    Args:
        groups: (n,) 0..count - 1.
        weights: (n,) >= 0.
        count: Number of groups.
    """
    total = tally(groups, weights, count)
    return np.minimum(total, _kish(total, tally(groups, weights**2, count)))


def typical(
    groups: NDArray[np.int64],
    corrected: Floats,
    weights: Floats,
    effects: Floats,
    count: int,
) -> Counts:
    """(count,) successes and totals of each group, with less weight for kinds with many tasks.

    Executions are weighted by the inverse of the design effect of their kind. So the rate of a
    group is the mean over kinds if the tasks of a kind end alike, and that over executions if they
    don't. In between, a kind has the inverse of the variance of its mean as its weight, as in R.
    DerSimonian and N. Laird, "Meta-analysis in clinical trials", Controlled Clinical Trials 7
    (1986), 177-188. The total is the effective size of these weights (L. Kish, see above).

    Args:
        groups: (n,) 0..count - 1.
        corrected: (n,) outcomes from `evidence.corrected_outcome`.
        weights: (n,) >= 0.
        effects: (n,) >= 1, design effect of the executions of the group of the same kind of task.
        count: Number of groups.
    """
    thinned = weights / effects
    total = tally(groups, thinned, count)
    kish = _kish(total, tally(groups, thinned**2, count))
    size = np.minimum(kish, tally(groups, weights, count))
    rate = tally(groups, thinned * corrected, count) / np.maximum(total, 1e-300)
    return Counts(size * np.clip(rate, 0.0, 1.0), size)


def _kish(total: Floats, squares: Floats) -> Floats:
    """(count,) Kish's effective sizes, from Σw and Σw² of each group; 0 without weight."""
    return np.asarray(total**2 / np.maximum(squares, 1e-300))


def heaviest(weights: Floats, most: int) -> NDArray[np.int64]:
    """(k,) positions of at most `most` of the n largest weights > 0, the largest first."""
    some = np.flatnonzero(weights > 0)
    if len(some) > most:
        least = np.partition(weights[some], -most)[-most]
        some = some[weights[some] >= least]
    return some[np.argsort(-weights[some], kind="stable")[:most]]


def heaviest_of_each(
    groups: NDArray[np.int64], weights: Floats, count: int, most: int
) -> NDArray[np.int64]:
    """(k,) positions of at most `most` of the n largest weights > 0, the largest first.

    Every group has as many as the others, or all that it has.

    Args:
        groups: (n,) 0..count - 1.
        weights: (n,) >= 0.
        count: How many groups there are.
        most: How many positions at most.
    """
    each = [np.flatnonzero(groups == group) for group in range(count)]
    each = [some[heaviest(weights[some], most)] for some in each]
    found = np.concatenate([np.zeros(0, np.int64), *each])
    rank = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(some)) for some in each)])
    chosen = found[np.lexsort((-weights[found], rank))[:most]]
    return chosen[np.argsort(-weights[chosen], kind="stable")]


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """The value below which `share`, 0..1, of the weight lies, interpolated between values.

    Type 5 of R. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American
    Statistician 50 (1996), 361-365, with weights: each value is in the middle of its weight.

    Args:
        values: (n,), at least one.
        weights: (n,) > 0.
        share: 0.5 gives the median.
    """
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(weights[order])
    places = (ends - weights[order] / 2) / ends[-1]
    return float(np.interp(share, places, values[order]))
