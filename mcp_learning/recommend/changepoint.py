"""Detects options whose success rate has changed; executions before a likely change count less.

For every moment between two runs of an option, the likelihood that its rate changed there is
compared with the likelihood that it never did. Both are beta-binomial with a uniform prior, and a
change has a small prior probability. Changes are searched on tasks like the one at hand
(`unchanged_on_similar_tasks`), and on all tasks (`unchanged_on_all_tasks`), where a broken tool
shows sooner.

Source: the single change-point of R. Adams and D. MacKay, "Bayesian online changepoint detection"
(2007), with fractional counts.
"""

from collections.abc import Callable
from math import log, tau

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.evidence import Bools, Ints
from mcp_learning.recommend.tallies import tally
from mcp_learning.search import fusion, relevance_feedback

VectorsAt = Callable[[Ints], NDArray[np.float32]]
"""From k positions to (k, dimension) L2-normalised vectors; zero without a vector."""

HAZARD = 0.005
"""Prior probability that an option changed permanently between two of its runs."""

HAZARD_ON_ALL_TASKS = 0.0003
"""The same for a change on all tasks at once. Measured (docs/learning.md)."""

LEAST_INFORMATIVE = 0.1
"""Least weight of an execution that counts for whether its option changed on such tasks."""

LEAST_RUNS = 4
"""Least number of runs of an option in which a change is searched."""

MOST_SEARCHED = 200
"""Latest executions of an option in which a change is searched; older ones count together."""

_HALF_LOG_TAU = log(tau) / 2
_WORTH_A_LOOK = 0.1
"""Probability of a change, if each run counts 1, above which runs are weighted by `_novelty`."""


def unchanged_on_similar_tasks(
    option: Ints, success: Bools, weight: Floats, options: int
) -> Floats:
    """(n,) 0..1: the probability that an execution's option hasn't changed since, on such tasks.

    Executions count with the square root of their weight, since a broken tool shows on less similar
    tasks, too.

    Args:
        option: (n,) 0..options - 1, oldest first.
        success: (n,).
        weight: (n,) >= 0, the weight of each as evidence for the task at hand.
        options: Number of options.
    """
    unchanged = np.ones(len(option))
    near = np.flatnonzero(weight > LEAST_INFORMATIVE)
    latest = _Latest(option[near], options)
    influence, ended = np.sqrt(np.minimum(weight[near], 1.0)), success[near]
    older = latest.older(ended, influence)
    weighted = influence[latest.at] * latest.known
    doubt = _later(HAZARD * _odds(ended[latest.at], weighted[:, None], older[:, None]))
    unchanged[near] = latest.spread(1 - doubt)
    return unchanged


def unchanged_on_all_tasks(
    corrected: Floats, information: Floats, repo: Ints, vectors: VectorsAt, noise: float
) -> Floats:
    """(n,) 0..1: the probability that one option hasn't got worse since, on all tasks.

    Only changes for the worse are searched: if agents take the best option, each is more and more
    taken for what it is good at, which looks like a change for the better. Of consecutive runs on
    tasks of one kind the k-th counts 1/k, since kinds come in bursts: an option that fails a dozen
    times on one kind of task hasn't got worse on others. And each repository has rates of its own,
    since runs in a harder one may follow those in an easier one.

    Args:
        corrected: (n,) outcomes from `evidence.corrected_outcome`, oldest first.
        information: (n,) of each outcome, 0..1.
        repo: (n,) codes of repositories.
        vectors: Gives the vectors of executions by position.
        noise: `Embedder.floor` of their model.
    """
    count = len(corrected)
    unchanged = np.ones(count)
    first = max(0, count - MOST_SEARCHED)
    if count < LEAST_RUNS:
        return unchanged
    weighted = np.stack([information * corrected, information])
    older = _limited(weighted[:, :first].sum(axis=1))[None, None]
    latest, weight = corrected[first:], information[first:]
    odds = _odds(latest, weight[None, None], older, worse=True)
    if _later(HAZARD_ON_ALL_TASKS * odds).max() <= _WORTH_A_LOOK:
        return unchanged
    codes, number = np.unique(repo, return_inverse=True)
    here, before = number[first:], number[:first]
    sums = np.stack([tally(before, one[:first], len(codes)) for one in weighted], axis=1)
    visited = np.unique(here)
    weight = weight * _novelty(vectors(np.arange(first, count)), noise)
    apart = weight * (here == visited[:, None])
    odds = _odds(latest, apart[None], _limited(sums[visited])[None], worse=True)
    unchanged[first:] = 1 - _later(HAZARD_ON_ALL_TASKS * odds)[0]
    unchanged[:first] = unchanged[first]
    return unchanged


class _Latest:
    """The latest executions of each of the m options that have at least `LEAST_RUNS`.

    Attributes:
        at: (m, k) int64 positions, oldest first, right-aligned; the padding is arbitrary.
        known: (m, k) bool, False for padding.
    """

    def __init__(self, option: Ints, options: int) -> None:
        """From (n,) numbers of options, oldest first."""
        small = option.astype(np.int16) if options < 1 << 15 else option  # sorted by radix
        self._order = np.argsort(small, kind="stable")
        counts = np.bincount(option, minlength=options)
        enough = np.flatnonzero(counts >= LEAST_RUNS)
        self._ends, self._starts = np.cumsum(counts)[enough], (np.cumsum(counts) - counts)[enough]
        width = int(min(counts.max(initial=0), MOST_SEARCHED)) if len(enough) else 0
        places = self._ends[:, None] - np.arange(width, 0, -1)
        self.known = places >= self._starts[:, None]
        self.at = self._order[np.maximum(places, 0)]

    def older(self, success: Bools, weight: Floats) -> Floats:
        """(m, 2) `_limited` sums of successes and weights of the runs before those in `at`."""
        first = np.maximum(self._ends - self.at.shape[1], self._starts)
        if (first == self._starts).all():  # the usual case
            return np.zeros((len(first), 2))
        both = np.stack([weight * success, weight], axis=1)[self._order]
        summed = np.vstack([np.zeros(2), np.cumsum(both, axis=0)])
        return _limited(summed[first] - summed[self._starts])

    def spread(self, values: Floats) -> Floats:
        """(n,) from (m, k) values: earlier runs get the first one's, other executions 1."""
        found = np.ones(len(self._order))
        for one, known in enumerate(self.known):
            mine = values[one, known]
            found[self._order[self._starts[one] : self._ends[one]]] = mine[0]
            found[self.at[one, known]] = mine
        return found


def _limited(sums: Floats) -> Floats:
    """(…, 2) sums of successes and weights, scaled to a weight of at most `MOST_SEARCHED`."""
    return np.asarray(sums * (MOST_SEARCHED / np.maximum(sums[..., 1:], MOST_SEARCHED)))


def _odds(outcome: Floats | Bools, weight: Floats, older: Floats, *, worse: bool = False) -> Floats:
    """(m, k - 1) likelihood ratios of a change after each of k runs, oldest first, against none.

    0 where no run is before, and, with `worse`, where rates rise: by the differences in each
    repository, weighted as by N. Mantel and W. Haenszel, "Statistical aspects of the analysis of
    data from retrospective studies of disease", Journal of the National Cancer Institute 22 (1959),
    719-748.

    Args:
        outcome: (m, k) or (k,) outcomes; their mean is a rate.
        weight: (m, p, k) of the runs in each of p repositories, which have rates of their own.
        older: (m, p, 2) from `_limited`, of runs before any change.
        worse: Whether only changes for the worse are possible.
    """
    if weight.shape[-1] < 2:
        return np.zeros((len(weight), 0))
    won = older[..., :1] + np.cumsum(weight * outcome[..., None, :], axis=-1)
    seen = older[..., 1:] + np.cumsum(weight, axis=-1)
    later_won, later_seen = won[..., -1:] - won, seen[..., -1:] - seen
    before, after = _log_marginal(np.stack([won, later_won]), np.stack([seen, later_seen]))
    odds = np.exp(np.clip((before + after - before[..., -1:]).sum(axis=1), -50.0, 50.0))
    possible = seen.sum(axis=1) > 0
    if worse:
        falls = (won * later_seen - later_won * seen) / np.maximum(seen[..., -1:], 1e-300)
        possible &= falls.sum(axis=1) > 0
    return np.asarray(odds * possible)[:, :-1]


def _later(odds: Floats) -> Floats:
    """(m, k) the probability of a change after each of k runs, from (m, k - 1) odds of each."""
    summed = np.cumsum(odds[:, ::-1], axis=1)[:, ::-1]
    doubt = np.zeros((len(odds), odds.shape[1] + 1))
    doubt[:, :-1] = summed / (1 + odds.sum(axis=1, keepdims=True))
    return doubt


def _novelty(vectors: NDArray[np.float32], noise: float) -> Floats:
    """(k,) 1 for an execution unlike the one before it, then 1/2, 1/3 … for similar ones."""
    nearness = np.einsum("ij,ij->i", vectors[1:], vectors[:-1])
    fresh = np.append(True, fusion.meaning(nearness, noise) <= relevance_feedback.MIN_SIMILARITY)
    places = np.arange(len(fresh))
    return np.asarray(1.0 / (1 + places - np.maximum.accumulate(np.where(fresh, places, 0))))


def _log_marginal(won: Floats, seen: Floats) -> Floats:
    """Logarithm of the probability of counts under a uniform prior.

    Sums of unsure outcomes may be outside of 0..`seen`.
    """
    won, seen = np.clip(won, 0.0, np.maximum(seen, 0.0)), np.maximum(seen, 0.0)
    of_won, of_lost, of_both = log_gamma(np.stack([won + 1, seen - won + 1, seen + 2]))
    return np.asarray(of_won + of_lost - of_both)


def log_gamma(values: Floats) -> Floats:
    """Log Γ of values >= 0.5, in any shape, with an error of at most 1e-12 · max(1, |log Γ|).

    Stirling's series (Abramowitz and Stegun, 6.1.41) at x + 8, where five terms suffice:
    Γ(x) = Γ(x + 8) / (x·(x + 1)·…·(x + 7)).
    """
    outer = values * (values + 7)  # x·(x + 7); (x + 1)·(x + 6) is 6 more, and so on
    rising = outer * (outer + 6) * (outer + 10) * (outer + 12)
    far = values + 8
    inverse = 1 / far
    square = inverse**2
    series = 1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))
    stirling = (far - 0.5) * np.log(far) - far + _HALF_LOG_TAU + inverse * series
    return np.asarray(stirling - np.log(rising))
