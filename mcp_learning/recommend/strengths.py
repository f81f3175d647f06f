"""How far success rates shift from level to level of similarity, as a history shows.

Where tasks repeat, the runs of the very task say most; where each option is good at other kinds of
work, those of near tasks; in a history where neither matters, the rate of an option is all there
is. So the latest outcomes are predicted from what was recorded before them, level by level, and
each variance of a level is weighted by how well it predicts them all.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from mcp_learning.models.requests import Dimension, Filters
from mcp_learning.recommend.belief import FEW, Counts, Floats, shifts
from mcp_learning.recommend.estimate import Background, usual
from mcp_learning.recommend.evidence import (
    LEVELS,
    PLACES,
    WIDEST,
    Bools,
    Evidence,
    Ints,
    Where,
)
from mcp_learning.recommend.labels import merge
from mcp_learning.recommend.tallies import tally
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.metric import watermark
from mcp_learning.search.related import related
from mcp_learning.search.scorer import Query
from mcp_learning.search.snapshot import Snapshot

UNKNOWN: tuple[Floats, ...] = (FEW,) * len(LEVELS)
"""Of a history that is too short to learn from."""

OUTCOMES_PREDICTED, RUNS = 400, 2
"""Latest outcomes that are predicted, at most so many of each task: its runs tend to end alike."""

MOST_OPTIONS = 32
"""Options, the most used ones, whose outcomes are predicted."""

_SUCCESS, _PENDING = OUTCOMES.index("success"), OUTCOMES.index("pending")


class Strengths:
    """Weights of `belief.VARIANCES` for each of `evidence.LEVELS`, learned from the rows.

    They are learned again when the number of embeddings has grown by a quarter, as the metric, from
    the executions up to there: a restart doesn't change them. Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Dimension, tuple[tuple[int, int], Sequence[Floats]]] = {}

    def of(self, snapshot: Snapshot, by: Dimension, noise: float) -> Sequence[Floats]:
        """The weights for a comparison by a label.

        A call that learns them takes some tenths of a second longer.

        Args:
            snapshot: All rows, without filters.
            by: The label.
            noise: `Embedder.floor` of the model that made the vectors.
        """
        view = snapshot.view
        version, outcome = view["version"], view["outcome"]
        highest = watermark(int((version * view["alive"]).max(initial=0)))
        if not highest:
            return UNKNOWN
        used = view["alive"] & (version > 0) & (version <= highest)
        key = (highest, int((version * (outcome + 1))[used].sum()))
        with self._lock:
            known = self._known.get(by)
            if known is None or known[0] != key:
                known = key, learned(_History.of(snapshot, np.flatnonzero(used), by), noise)
                self._known[by] = known
            return known[1]


@dataclass(frozen=True)
class _History:
    """n executions that have ended, oldest first.

    Attributes:
        snapshot: Where they are.
        rows: (n,) int64.
        option: (n,) int64, 0..options - 1.
        success: (n,) bool.
        options: How many there are.
    """

    snapshot: Snapshot
    rows: Ints
    option: Ints
    success: Bools
    options: int

    @classmethod
    def of(cls, snapshot: Snapshot, rows: Ints, by: Dimension) -> "_History":
        """Those of some rows that have ended, with the most used options."""
        view = snapshot.view
        numbers = merge(snapshot.labels(by), view[by][rows]).number[view[by]]
        ended = (view["outcome"][rows] != _PENDING) & (numbers[rows] >= 0)
        rows = rows[ended]
        rows = rows[np.lexsort((view["sequence"][rows], view["timestamp"][rows]))]
        counts = np.bincount(numbers[rows])
        most = np.argsort(-counts, kind="stable")[:MOST_OPTIONS]
        renumbered = np.full(len(counts), -1, np.int64)
        renumbered[most] = np.arange(len(most))
        option = renumbered[numbers[rows]]
        rows, option = rows[option >= 0], option[option >= 0]
        return cls(snapshot, rows, option, view["outcome"][rows] == _SUCCESS, len(most))

    def sample(self) -> list[int]:
        """Positions of the outcomes to predict: the latest runs of the latest tasks."""
        tasks = self.snapshot.view["task_key"][self.rows].tolist()
        chosen: dict[int, list[int]] = {}
        left = OUTCOMES_PREDICTED
        for at in range(len(tasks) - 1, 0, -1):
            if len(runs := chosen.setdefault(tasks[at], [])) < RUNS:
                runs.append(at)
                left -= 1
            if not left:
                break
        return [at for runs in chosen.values() for at in runs]


def learned(history: _History, noise: float) -> Sequence[Floats]:
    """For each of `LEVELS`, how well each of `VARIANCES` predicts outcomes, as weights."""
    sample = history.sample()
    if not sample:
        return UNKNOWN
    option, success = history.option[sample], history.success[sample]
    everywhere, levels = _counts(history, sample, noise)
    belief = usual(
        Background(everywhere.success.sum(axis=1), everywhere.total.sum(axis=1), everywhere, {}),
        history.options,
    )
    logits, found = belief.logit, []
    taken = np.arange(len(sample))
    for level, common in LEVELS:
        moved = logits + shifts(logits, levels[level], common=common).mean
        mine = moved[:, taken, option]
        fit = -np.logaddexp(0, np.where(success, -mine, mine)).sum(axis=1)
        weights = FEW * np.exp(fit - fit.max()) + 1e-9
        found.append(weights / weights.sum())
        logits = np.tensordot(found[-1], moved, axes=1)
    return found


def _counts(
    history: _History, sample: Sequence[int], noise: float
) -> tuple[Counts, dict[Where, Counts]]:
    """(k, m) counts before each of k outcomes: on all tasks, and at each of `LEVELS`."""
    view, rows, options = history.snapshot.view, history.rows, history.options
    known: dict[int, Floats] = {}
    everywhere: list[Counts] = []
    levels: dict[Where, list[Counts]] = {}
    for at in sample:
        task = int(view["task_key"][rows[at]])
        if task not in known:
            known[task] = _similarities(history.snapshot, int(rows[at]), noise)
        earlier, option, success = rows[:at], history.option[:at], history.success[:at]
        everywhere.append(_tallied(option, success, options))
        similarity = known[task][earlier]
        near = np.flatnonzero(similarity > WIDEST)
        evidence = Evidence(
            option[near],
            success[near],
            similarity[near],
            view["task_key"][earlier[near]],
            view["task_key"][earlier[near]] == task,
            np.ones(len(near)),
        )
        counts = evidence.counts(options)
        for place in PLACES:
            code = int(view[place][rows[at]])
            told = bool(history.snapshot.labels(place)[code])
            there = np.flatnonzero((view[place][earlier] == code) & told)
            counts[place] = _tallied(option[there], success[there], options)
        for level, found in counts.items():
            levels.setdefault(level, []).append(found)
    return _stacked(everywhere), {level: _stacked(counts) for level, counts in levels.items()}


def _tallied(option: Ints, success: Bools, options: int) -> Counts:
    return Counts(
        tally(option, success.astype(np.float64), options),
        tally(option, np.ones(len(option)), options),
    )


def _similarities(snapshot: Snapshot, row: int, noise: float) -> Floats:
    """(all rows,) similarities to the task of a row, by meaning: its words aren't in memory."""
    query = Query(
        text="",
        task_key=int(snapshot.view["task_key"][row]),
        vector=snapshot.vectors[row],
        filters=Filters(),
        limit=1,
        now=datetime.now(UTC),
        noise=noise,
    )
    found = related(snapshot, query)
    similarities = np.zeros(len(snapshot.view))
    similarities[found.rows] = found.similarities
    return similarities


def _stacked(counts: Sequence[Counts]) -> Counts:
    success, total = zip(*counts, strict=True)
    return Counts(np.stack(success), np.stack(total))
