"""How far success rates shift from level to level of similarity, as a history shows.

Where tasks repeat, the runs of the very task say most; where each option is good at other kinds of
work, those of near tasks; in a history where neither matters, the rate of an option is all there
is. So outcomes from all over the history are predicted from what was recorded before them, level by
level, and each pair of variances of a level is weighted by how well it predicts them all.

How often an option was tried on tasks like those that it was tried on is learned, too (`crowd`).
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.requests import Choice, Filters
from mcp_learning.recommend.belief import Counts, Floats, logistic, shifts
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
"""Outcomes that are predicted, evenly from all over the history."""

MOST_OPTIONS = 32
"""Options, the most used ones, whose outcomes are predicted."""


class _Learned(NamedTuple):
    """What was learned, and from which state of the rows."""

    state: int
    regularities: Regularities


class Strengths:
    """What the rows show, for each label that executions are compared by.

    It is learned again when the number of embeddings has grown by a quarter, as the metric, from
    the executions recorded up to there, and when one of these has changed: a restart doesn't change
    it, and hosts of a team agree.
    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Choice, _Learned] = {}

    def of(self, snapshot: Snapshot, ended: Ended, by: Choice, noise: float) -> Regularities:
        """What is learned for a comparison by a label.

        A call that learns takes some tenths of a second longer.

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
    """A number that changes with everything that is learned from.

    Args:
        view: Where the executions are.
        history: These.
    """
    names = ("version", "repo", "task_type", "error_type")
    columns = [view[name][history.rows] for name in names]
    columns += [history.task, history.option, history.success, history.confidence]
    return hash((*history.merged.names, *(one.tobytes() for one in columns)))


def learned(snapshot: Snapshot, history: Ended, noise: float) -> Regularities:
    """What a history shows; `UNKNOWN` of one that is too short.

    Args:
        snapshot: Where its executions are.
        history: n of them, with m options.
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
    overstated = _overstated(history, sample, alike)
    if overstated > 1:
        weights, _ = _weights(history, sample, logits, levels, overstated)
    versions = snapshot.view["version"][history.rows].astype(np.int64)
    order = np.argsort(versions)
    latest_first = history.rows[::-1]
    failed = latest_first[~history.success[::-1]]
    return Regularities(
        levels=weights,
        overstated=overstated,
        versions=versions[order],
        tried=tried[order],
        usual=np.median(tried),
        types=TextClassifier.of(snapshot, latest_first, "task_type"),
        failures=TextClassifier.of(snapshot, failed, "error_type"),
    )


def _weights(
    history: Ended,
    sample: Sequence[int],
    logits: Floats,
    levels: Mapping[Where, Counts],
    overstated: float,
) -> tuple[list[Floats], Floats]:
    """For each of `LEVELS`, (j,) weights of the pairs; and (k, m) logits before the last one.

    Args:
        history: All.
        sample: k positions.
        logits: (k, m) of the options on all tasks.
        levels: (k, m) before each of the sample.
        overstated: How many times the information of counts on other tasks is; if that were
            forgotten, large variances would seem to predict badly.
    """
    option, success = history.option[sample], history.success[sample]
    confidence, taken = history.confidence[sample], np.arange(len(sample))
    found = []
    for level in LEVELS[:-1]:
        counts = Counts(*(one / overstated for one in levels[level]))
        moved = shifts(logits, counts).logit
        rate = logistic(moved[:, taken, option])
        recorded = 0.5 + confidence * (np.where(success, rate, 1 - rate) - 0.5)
        found.append(_normalised(level, np.log(recorded).sum(axis=1)))
        logits = np.tensordot(found[-1], moved, axes=1)
    found.append(_normalised("same", _of_tasks(history, sample, logits, levels["same"])))
    return found, logits


def _normalised(level: Where, fit: Floats) -> Floats:
    """(j,) weights that sum to 1, from logarithms of how well the pairs fit."""
    weights = WEIGHTS[level] * np.exp(fit - fit.max()) + 1e-9
    return np.asarray(weights / weights.sum())


def _of_tasks(history: Ended, sample: Sequence[int], logits: Floats, before: Counts) -> Floats:
    """(j,) logarithms of how likely all outcomes of each task are, up to its last one in a sample.

    Options differ on a single task in what they do again and again there, which is seen in all of
    its runs together rather than in the next one.

    Args:
        history: All.
        sample: k positions.
        logits: (k, m) of the options on such tasks.
        before: (k, m) of the runs of the same task before each.
    """
    last = {int(history.task[at]): number for number, at in enumerate(sample)}
    some = np.array(list(last.values()))
    at = np.array(sample)[some]
    ended = np.arange(len(history.merged.names)) == history.option[at][:, None]
    weight = history.information[at][:, None] * ended
    total = before.total[some] + weight
    says = history.says[at][:, None]
    success = np.clip(before.success[some] + weight * says, 0.0, total)
    return np.asarray(shifts(logits[some], Counts(success, total)).evidence.sum(axis=1))


def _overstated(history: Ended, sample: Sequence[int], logits: Floats) -> float:
    """How many times the information of counts is overstated, since runs of a task are alike.

    The design effect (L. Kish, Survey Sampling (1965), section 5.4), 1 + (m - 1)·r of clusters of m
    that count the same: r, the correlation of two outcomes on a task, is that of what runs say more
    or less than was expected, since what is wrong in one outcome isn't in the other.

    Args:
        history: n executions.
        sample: k positions.
        logits: (k, m) of the options on tasks like those of the sample.
    """
    both = apart = 0.0
    for at, rates in zip(sample, logistic(logits), strict=True):
        runs = np.flatnonzero(history.task[:at] == history.task[at])
        weights = history.information[runs] * history.information[at]
        expected = rates[history.option[at]]
        surprise = history.says[runs] - rates[history.option[runs]]
        both += float(weights @ surprise * (history.says[at] - expected))
        apart += float(weights.sum() * expected * (1 - expected))
    alike = min(max(0.0, both / apart), 1.0) if apart else 0.0
    _, task = np.unique(history.task, return_inverse=True)
    told, squares = np.bincount(task, history.information), history.information**2
    return float(1 + alike * ((told**2).sum() - squares.sum()) / told.sum())


def _tried(
    history: Ended, sample: Sequence[int], similarities: Mapping[int, NDArray[np.float32]]
) -> Floats:
    """(n,) `Regularities.tried`, estimated from how near executions are to those of a sample."""
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
    """Before each of k outcomes: (k, m) usual logits, and counts at each level."""
    view, rows, options = snapshot.view, history.rows, len(history.merged.names)
    everywhere: list[Counts] = []
    sums: list[tuple[float, float]] = []
    levels: dict[Where, list[Counts]] = {}
    for at in sample:
        task = int(history.task[at])
        earlier, option, success = rows[:at], history.option[:at], history.success[:at]
        says, weight = history.says[:at], history.information[:at]
        everywhere.append(typical(option, says, weight, tried[:at], options))
        total = float(weight.sum())
        sums.append((min(max(0.0, float(weight @ says)), total), total))
        similarity = similarities[task][earlier]
        near = np.flatnonzero(similarity > UNLIKE)
        evidence = Evidence(
            option[near],
            success[near],
            says[near],
            similarity[near].astype(np.float64),
            history.task[near] == task,
            weight[near],
        )
        counts = evidence.counts(options)
        for place in PLACES:
            code = int(view[place][rows[at]])
            told = bool(snapshot.labels(place)[code])
            there = np.flatnonzero((view[place][earlier] == code) & told)
            counts[place] = counts_of(option[there], says[there], weight[there], options)
        for level, found in counts.items():
            levels.setdefault(level, []).append(found)
    won, total = np.array(sums).T
    logits = usual(won, total, _stacked(everywhere)).logit
    return logits, {level: _stacked(counts) for level, counts in levels.items()}


def _similarities(
    snapshot: Snapshot, history: Ended, sample: Sequence[int], noise: float
) -> dict[int, NDArray[np.float32]]:
    """By task, (all rows,) similarities to it, by meaning: words aren't in memory."""
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
