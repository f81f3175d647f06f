"""Learns from a history how far success rates shift from level to level of similarity.

If tasks repeat, runs of the same task are most informative; if options suit different kinds of
work, runs of similar tasks; if neither holds, only the option's rate. So a sample of outcomes is
predicted from earlier executions, level by level, and each pair of variances of a level is weighted
by how well it predicts all of them.

The number of executions with the same option and kind of task is estimated, too, and how alike
their outcomes are.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Choice, Filters
from mcp_learning.recommend.belief import COMMON, OWN, Counts, Floats, logistic, shifts
from mcp_learning.recommend.ended import Ended
from mcp_learning.recommend.estimate import UNKNOWN, WEIGHTS, Regularities, usual
from mcp_learning.recommend.evidence import (
    LEVELS,
    PLACES,
    UNLIKE,
    Evidence,
    Where,
    closeness,
    counts_of,
)
from mcp_learning.recommend.tallies import typical
from mcp_learning.recommend.text_classifier import TextClassifier
from mcp_learning.search.catalog import CatalogView
from mcp_learning.search.metric_cache import window_of
from mcp_learning.search.related import related
from mcp_learning.search.scorer import Query
from mcp_learning.search.snapshot import Snapshot

OUTCOMES_PREDICTED = 400
"""Most outcomes that are predicted, spread evenly over the history."""

MOST_OPTIONS = 32
"""Most options whose outcomes are predicted: the most used ones."""


class _Learned(NamedTuple):
    """The result of learning, and the `_state` that it was learned from."""

    state: int
    regularities: Regularities


class Strengths:
    """What was learned from the rows, by label. Safe to use from several threads.

    Like the metric, it is learned again when the number of embeddings has grown by a quarter, from
    the executions up to there, or when one of these has changed. So a restart doesn't change it,
    and the hosts of a team agree.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Choice, _Learned] = {}

    def of(self, snapshot: Snapshot, ended: Ended, by: Choice, noise: float) -> Regularities:
        """What was learned for a label; a call that learns takes some tenths of a second longer.

        Args:
            snapshot: All rows, without filters.
            ended: All executions that have ended, with the options by that label.
            by: The label.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        view = snapshot.view
        with self._lock:
            rows = window_of(view, most=len(view))
            some = ended.most_used(np.isin(ended.rows, rows), MOST_OPTIONS)
            state = _state(view, some)
            known = self._known.get(by)
            if known is None or known.state != state:
                known = self._known[by] = _Learned(state, learned(snapshot, some, noise))
            return known.regularities


def _state(view: CatalogView, history: Ended) -> int:
    """A hash of everything that is learned from.

    Args:
        view: The rows.
        history: The executions.
    """
    names = ("version", "repo", "task_type", "error_type")
    columns = [view[name][history.rows] for name in names]
    columns += [history.task, history.option, history.success, history.confidence]
    return hash((*history.merged.names, *(one.tobytes() for one in columns)))


def learned(snapshot: Snapshot, history: Ended, noise: float) -> Regularities:
    """Learns from a history; `UNKNOWN` if it is too short.

    Args:
        snapshot: The rows.
        history: n executions with m options.
        noise: `Embedder.floor` of the model that made the vectors.
    """
    last = len(history.rows) - 1
    if last < 1:
        return UNKNOWN
    sample = sorted(set(map(int, np.linspace(1, last, OUTCOMES_PREDICTED))))
    similarities = _similarities(snapshot, history, sample, noise)
    tried = _tried(history, sample, similarities)
    logits, levels = _counts(snapshot, history, sample, similarities, tried)
    weights, alike = _weights(history, sample, logits, levels, 1.0)
    design_effect = _design_effect(history, sample, alike)
    if design_effect > 1:
        weights, _ = _weights(history, sample, logits, levels, design_effect)
    effects = 1 + (tried - 1) * _alike_in_kind(history, weights[LEVELS.index("near")])
    versions = snapshot.view["version"][history.rows].astype(np.int64)
    order = np.argsort(versions)
    latest_first = history.rows[::-1]
    failed = latest_first[~history.success[::-1]]
    return Regularities(
        levels=weights,
        design_effect=design_effect,
        versions=versions[order],
        effects=effects[order],
        usual=np.median(effects),
        types=TextClassifier.of(snapshot, latest_first, "task_type"),
        failures=TextClassifier.of(snapshot, failed, "error_type"),
    )


def _weights(
    history: Ended,
    sample: Sequence[int],
    logits: Floats,
    levels: Mapping[Where, Counts],
    design_effect: float,
) -> tuple[list[Floats], Floats]:
    """(j,) weights of the pairs for each of `LEVELS`, and (k, m) logits before the last level.

    Args:
        history: The executions.
        sample: k positions.
        logits: (k, m) logits of the options on all tasks.
        levels: (k, m) counts before each of the sample.
        design_effect: Factor by which the information of counts on other tasks is overstated;
            without it, large variances would seem to predict badly.
    """
    option, success = history.option[sample], history.success[sample]
    confidence, taken = history.confidence[sample], np.arange(len(sample))
    found = []
    for level in LEVELS[:-1]:
        moved = shifts(logits, levels[level], design_effect).logit
        rate = logistic(moved[:, taken, option])
        recorded = 0.5 + confidence * (np.where(success, rate, 1 - rate) - 0.5)
        found.append(_normalised(level, np.log(recorded).sum(axis=1)))
        logits = np.tensordot(found[-1], moved, axes=1)
    found.append(_normalised("same", _of_tasks(history, sample, logits, levels["same"])))
    return found, logits


def _normalised(level: Where, fit: Floats) -> Floats:
    """(j,) weights that sum to 1, from the logarithms of likelihoods."""
    weights = WEIGHTS[level] * np.exp(fit - fit.max()) + 1e-9
    return np.asarray(weights / weights.sum())


def _of_tasks(history: Ended, sample: Sequence[int], logits: Floats, before: Counts) -> Floats:
    """(j,) log-likelihoods of all outcomes of each task, up to its last one in the sample.

    Differences of options on a single task show in all of its runs together rather than in the
    prediction of the next one.

    Args:
        history: The executions.
        sample: k positions.
        logits: (k, m) logits of the options on such tasks.
        before: (k, m) counts of the runs of the same task before each.
    """
    last = {int(history.task[at]): number for number, at in enumerate(sample)}
    some = np.array(list(last.values()))
    at = np.array(sample)[some]
    ended = np.arange(len(history.merged.names)) == history.option[at][:, None]
    weight = history.information[at][:, None] * ended
    total = before.total[some] + weight
    corrected = history.corrected[at][:, None]
    success = np.clip(before.success[some] + weight * corrected, 0.0, total)
    return np.asarray(shifts(logits[some], Counts(success, total)).evidence.sum(axis=1))


def _design_effect(history: Ended, sample: Sequence[int], logits: Floats) -> float:
    """The design effect of counts, since outcomes on the same task are correlated; >= 1.

    It is 1 + (m - 1)·r for clusters of equal size m (L. Kish, Survey Sampling (1965), section 5.4).
    r, the correlation of two outcomes on a task, is estimated from the residuals of different runs,
    whose errors are independent.

    Args:
        history: n executions.
        sample: k positions.
        logits: (k, m) logits of the options on tasks like those of the sample.
    """
    covariance = variance = 0.0
    for at, rates in zip(sample, logistic(logits), strict=True):
        runs = np.flatnonzero(history.task[:at] == history.task[at])
        weights = history.information[runs] * history.information[at]
        expected = rates[history.option[at]]
        surprise = history.corrected[runs] - rates[history.option[runs]]
        covariance += float(weights @ surprise * (history.corrected[at] - expected))
        variance += float(weights.sum() * expected * (1 - expected))
    correlation = min(max(0.0, covariance / variance), 1.0) if variance else 0.0
    _, task = np.unique(history.task, return_inverse=True)
    information, squares = np.bincount(task, history.information), history.information**2
    pairs = (information**2).sum() - squares.sum()
    return float(1 + correlation * pairs / information.sum())


def _alike_in_kind(history: Ended, weights: Floats) -> float:
    """The correlation of the outcomes of an option on two tasks of one kind, 0..1.

    On the logit, a single outcome has the variance 1 / (p·(1 - p)).

    Args:
        history: The executions.
        weights: (j,) weights of the pairs of variances between kinds.
    """
    rate = (1 + float(history.success.sum())) / (2 + len(history.success))
    between = float(weights @ (COMMON + OWN))
    return between / (between + 1 / (rate * (1 - rate)))


def _tried(
    history: Ended, sample: Sequence[int], similarities: Mapping[int, NDArray[np.float32]]
) -> Floats:
    """(n,) >= 1, the number of executions with the same option and kind of task as each.

    It is estimated from the closeness of executions to a sample.
    """
    tried = np.zeros(len(history.rows))
    for option in range(len(history.merged.names)):
        mine = np.flatnonzero(history.option == option)
        some = [at for at in sample if history.option[at] == option]
        for at in some:
            near = closeness(similarities[int(history.task[at])][history.rows[mine]])
            tried[mine] += near * len(mine) / len(some)
    return np.maximum(tried, 1.0)


def _counts(
    snapshot: Snapshot,
    history: Ended,
    sample: Sequence[int],
    similarities: Mapping[int, NDArray[np.float32]],
    tried: Floats,
) -> tuple[Floats, dict[Where, Counts]]:
    """Before each of k outcomes: (k, m) logits on all tasks, and counts at each level.

    The logits are those of means over kinds of tasks: how alike these end isn't known yet, and mean
    rates of executions would hide how far kinds differ where agents take the best option.

    Runs of the very task count at the last level only. Their outcomes are so alike that
    repositories would seem to differ, if each has few tasks.
    """
    view, rows, options = snapshot.view, history.rows, len(history.merged.names)
    everywhere: list[Counts] = []
    sums: list[tuple[float, float]] = []
    levels: dict[Where, list[Counts]] = {}
    for at in sample:
        task = int(history.task[at])
        earlier, option, success = rows[:at], history.option[:at], history.success[:at]
        corrected, weight = history.corrected[:at], history.information[:at]
        everywhere.append(typical(option, corrected, weight, tried[:at], options))
        total = float(weight.sum())
        sums.append((min(max(0.0, float(weight @ corrected)), total), total))
        similarity = similarities[task][earlier]
        near, same = np.flatnonzero(similarity > UNLIKE), history.task[:at] == task
        evidence = Evidence(
            option[near],
            success[near],
            corrected[near],
            similarity[near].astype(np.float64),
            same[near],
            weight[near],
        )
        counts = evidence.counts(options)
        for place in PLACES:
            code = int(view[place][rows[at]])
            is_labelled = bool(snapshot.labels(place)[code])
            there = np.flatnonzero((view[place][earlier] == code) & ~same & is_labelled)
            counts[place] = counts_of(option[there], corrected[there], weight[there], options)
        for level, found in counts.items():
            levels.setdefault(level, []).append(found)
    won, total = np.array(sums).T
    logits = usual(won, total, _stacked(everywhere)).logit
    return logits, {level: _stacked(counts) for level, counts in levels.items()}


def _similarities(
    snapshot: Snapshot, history: Ended, sample: Sequence[int], noise: float
) -> dict[int, NDArray[np.float32]]:
    """By task, (all rows,) similarities to it by meaning; its text isn't in memory."""
    known: dict[int, NDArray[np.float32]] = {}
    for at in sample:
        if (task := int(history.task[at])) in known:
            continue
        query = Query(
            text="",
            task_key=task,
            vector=snapshot.vectors[int(history.rows[at])],
            filters=Filters(),
            limit=1,
            now=datetime.now(UTC),
            noise=noise,
        )
        found = related(snapshot, query)
        known[task] = np.zeros(len(snapshot.view), np.float32)
        known[task][found.rows] = found.similarities
    return known


def _stacked(counts: Sequence[Counts]) -> Counts:
    success, total = zip(*counts, strict=True)
    return Counts(np.stack(success), np.stack(total))
