"""Replays a user's executions in time order, and predicts each outcome from earlier ones only.

An execution is evidence for another if it had its final form before the other was recorded; until
then it is pending. Votes count from when they were known. The success of the option that was taken
is predicted, and the option that would have been recommended first is stored with it. `Past` uses
the functions that answer agents, given everything that was recorded of the task.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from mcp_learning.models.folding import normalised
from mcp_learning.models.requests import Dimension, RecommendApproach
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.compare import Compared
from mcp_learning.recommend.evidence import Bools, Ints, corrected_outcome, counts_of, recency
from mcp_learning.recommend.gather import Comparison
from mcp_learning.recommend.labels import including, merge
from mcp_learning.recommend.past import Past
from mcp_learning.store.past_run import PastRun

Progress = Callable[[str, int, int], None]

_DAY = 86_400.0
_LIMIT = int(RecommendApproach.model_fields["limit"].default)
_LEAST_CONFIDENCE = 1e-3  # others have no weight
_STRENGTH = 2.0  # executions that the global rate counts as in the baseline per option


@dataclass(frozen=True)
class Replay:
    """n predictions.

    Attributes:
        predicted: (n,) predicted probability that a success is recorded, 0..1: for a rate p and an
            outcome of confidence c, 1/2 + c·(p - 1/2).
        by_option: (n,) the same from the option's earlier rate alone.
        by_all: (n,) the same from the earlier rate of all options.
        happened: (n,) the outcome.
        followed: (n,) whether the option that was taken is the one recommended first.
        enough: (n,) whether there was sufficient evidence.
        propensity: (n,) the probability, 0..1, that the recommended option was taken: its smoothed
            share among earlier executions of the same type; for an option that was drawn, the
            probability of the draw.
        option: (n,) number of the option that was taken.
    """

    predicted: Floats
    by_option: Floats
    by_all: Floats
    happened: Bools
    followed: Bools
    enough: Bools
    propensity: Floats
    option: Ints


@dataclass(frozen=True)
class Prediction:
    """What was known of the options for one task when it was recorded.

    Attributes:
        number: Position of its execution in the history.
        expected: Predicted success rate of the option that was taken, 0..1.
        recommended: The comparison of the options.
    """

    number: int
    expected: float
    recommended: Compared

    @property
    def first(self) -> str | None:
        """The option that is recommended first; None if none is known."""
        order, names = self.recommended.order, self.recommended.gathered.names
        return names[order[0]] if order else None


def predictions(
    past: Sequence[PastRun], by: Dimension, noise: float, half_life_days: float, most: int
) -> Iterator[Prediction]:
    """Predicts the last `most` executions that have ended, name an option and have a vector.

    Args:
        past: From `Store.history`, oldest first.
        by: The label that the executions have.
        noise: `Embedder.floor` of the model that made the vectors.
        half_life_days: Age at which evidence counts half, in days.
        most: Most predictions.
    """
    predictable = _predictable(past)[-most:]
    if not predictable:
        return
    vector = past[predictable[0]].vector
    assert vector is not None  # otherwise it wouldn't be predictable
    known = Past(by, len(vector), noise, half_life_days)
    events = _Events(past)
    for number in predictable:
        events.advance(known, number)
        run = past[number]
        query, related = known.related(run)
        comparison = Comparison(by, run.repo or None, run.task_type, _LIMIT)
        recommended = compared = known.compare(query, related, comparison)
        expected = _rate(compared, run.label)
        if expected is None:
            comparison = replace(comparison, include=(run.label,))
            expected = _rate(known.compare(query, related, comparison), run.label)
            assert expected is not None  # since it is included
        yield Prediction(number, expected, recommended)


def replay(
    past: Sequence[PastRun],
    by: Dimension,
    noise: float,
    half_life_days: float,
    predict: int,
    progress: Progress,
) -> Replay:
    """Makes `predictions`, and those of baselines.

    Args:
        past: From `Store.history`, oldest first.
        by: The label that the executions have.
        noise: `Embedder.floor` of the model that made the vectors.
        half_life_days: Age at which evidence counts half, in days.
        predict: Most executions to predict.
        progress: Called with "predicting", the number of executions predicted, and their total.
    """
    rates = _Rates(past, half_life_days)
    total = min(predict, len(_predictable(past)))
    numbers: list[int] = []
    rows: list[tuple[float, ...]] = []
    for one in predictions(past, by, noise, half_life_days, predict):
        by_option, by_all, followed, share = rates.before(one.number, one.first)
        drawn, sure = past[one.number].propensity, past[one.number].confidence
        propensity = drawn if followed and drawn is not None else share
        recorded = (0.5 + sure * (p - 0.5) for p in (one.expected, by_option, by_all))
        rows.append((*recorded, propensity, followed, one.recommended.estimate.enough))
        numbers.append(one.number)
        progress("predicting", len(numbers), total)
    columns = np.array(rows, np.float64).reshape(-1, 6).T
    predicted, by_options, by_alls, propensities, same, enough = columns
    return Replay(
        predicted=predicted,
        by_option=by_options,
        by_all=by_alls,
        happened=np.array([past[number].success for number in numbers], bool),
        followed=same > 0,
        enough=enough > 0,
        propensity=propensities,
        option=rates.option[np.array(numbers, np.int64)],
    )


def _predictable(past: Sequence[PastRun]) -> list[int]:
    return [
        number
        for number, run in enumerate(past)
        if run.success is not None and run.confidence > 0 and run.label and run.vector is not None
    ]


def _rate(compared: Compared, label: str) -> float | None:
    """The expected rate of an option; None if it isn't compared."""
    wanted = normalised(label)
    for number, name in enumerate(compared.gathered.names):
        if normalised(name) == wanted:
            return float(compared.estimate.mean[number])
    return None


def _seconds(at: datetime) -> float:
    return at.replace(tzinfo=UTC).timestamp()


class _Events:
    """The events of a history, in the order of time."""

    def __init__(self, past: Sequence[PastRun]) -> None:
        self._past = past
        self._recorded = 0
        self._pending: list[tuple[datetime, int]] = []  # a heap by the time of the final form
        votes = [(at, number, pro) for number, run in enumerate(past) for at, pro in run.votes]
        self._votes = sorted(votes)
        self._voted = 0

    def advance(self, known: Past, number: int) -> None:
        """Adds to `known` everything that was known when execution `number` was recorded.

        A vote of exactly that moment is left out, as it may come from the execution itself.
        """
        now = self._past[number].recorded_at
        runs: dict[int, PastRun] = {}
        for earlier in range(self._recorded, number):
            run = self._past[earlier]
            if run.success is not None and run.updated_at > now:
                heapq.heappush(self._pending, (run.updated_at, earlier))
                run = replace(run, success=None, texts=(run.texts[0], None, None, None))
            runs[earlier] = run
        self._recorded = number
        while self._pending and self._past[self._pending[0][1]].updated_at <= now:
            _, ended = heapq.heappop(self._pending)
            runs[ended] = self._past[ended]
        known.record(runs)
        while self._voted < len(self._votes) and self._votes[self._voted][0] < now:
            _, voted, pro = self._votes[self._voted]
            known.vote(voted, pro=pro)
            self._voted += 1


class _Rates:
    """Success rates per option and of all options, from executions that had ended by a moment.

    Attributes:
        option: (all,) number of the option that each execution took; -1: none.
    """

    def __init__(self, past: Sequence[PastRun], half_life_days: float) -> None:
        self._past = past
        self._half_life_days = half_life_days
        labels = ["", *sorted({run.label for run in past} - {""})]
        code = {label: number for number, label in enumerate(labels)}
        used = np.array([code[run.label] for run in past], np.int32)
        self._merged = merge(labels, used)
        self.option = self._merged.number[used]
        self._confidence = np.array([run.confidence for run in past])
        ended = np.array([run.success is not None for run in past], bool)
        self._ended = ended & (self.option >= 0)
        success = np.array([bool(run.success) for run in past], bool)
        confidence = np.maximum(self._confidence, _LEAST_CONFIDENCE)
        self._corrected = corrected_outcome(success, confidence)
        self._recorded = np.array([_seconds(run.recorded_at) for run in past])
        self._final = np.array([_seconds(run.updated_at) for run in past])
        kinds = [normalised(run.task_type) for run in past]
        self._type = np.unique(kinds, return_inverse=True)[1]

    def before(self, number: int, first: str | None) -> tuple[float, float, bool, float]:
        """Baselines of one execution, and its relation to the recommended option `first`.

        Returns:
            The rate of its option, the rate of all options, whether its option is `first`, and the
            share of `first` among earlier executions of its type.
        """
        now = self._recorded[number]
        earlier = np.flatnonzero(self._ended[:number] & (self._final[:number] <= now))
        option = self.option[earlier]
        weight = recency((now - self._recorded[earlier]) / _DAY, self._half_life_days)
        weight *= self._confidence[earlier] ** 2
        same = (option == self.option[number]).astype(np.int64)
        counts = counts_of(same, self._corrected[earlier], weight, 2)
        rate = (1 + float(counts.success.sum())) / (2 + float(counts.total.sum()))
        won, seen = float(counts.success[1]), float(counts.total[1])
        own = (_STRENGTH * rate + won) / (_STRENGTH + seen)
        if first is None:
            return own, rate, False, 1.0
        best = int(including(self._merged, (first,))[1][0])
        of_type = option[self._type[earlier] == self._type[number]]
        share = (1 + int((of_type == best).sum())) / (2 + len(of_type))
        return own, rate, best == self.option[number], share
