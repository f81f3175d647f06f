"""A user's own executions once more, in time order: each outcome predicted from earlier ones only.

An execution is evidence for another if it had its final form before the other was recorded. What
is predicted is the success of the option that was taken; what would have been recommended first is
noted beside it. Similarities, weights and rates are the product's own functions; feedback and uses
are left out, since they may be younger than what is predicted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcp_learning.bench.growing import Growing
from mcp_learning.recommend.changepoint import everywhere
from mcp_learning.recommend.estimate import Background, judge
from mcp_learning.recommend.evidence import (
    SUPERSEDED,
    UNLIKE,
    Bools,
    Evidence,
    Ints,
    recency,
    superseded,
)
from mcp_learning.recommend.gather import MOST_COMPARED
from mcp_learning.recommend.labels import merge
from mcp_learning.recommend.posterior import Counts, Floats, tally
from mcp_learning.search import fusion
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.store.types import EndedRun

Progress = Callable[[str, int, int], None]

_DAY = 86_400.0
_SAME = 2.0  # strength of the global rate in the baseline per option


@dataclass(frozen=True)
class Replay:
    """n predictions.

    Attributes:
        predicted: (n,) the probability of success of the option that was taken, 0..1.
        by_option: (n,) the same from the option's earlier rate alone.
        by_all: (n,) the same from the earlier rate of everything.
        happened: (n,) what then happened.
        followed: (n,) whether the option that was taken is the one recommended first.
        told: (n,) whether there was evidence to speak of.
        propensity: (n,) share of the recommended option among earlier executions of the same
            type, smoothed, 0..1: how likely it was to be taken anyway.
        option: (n,) number of the option that was taken.
    """

    predicted: Floats
    by_option: Floats
    by_all: Floats
    happened: Bools
    followed: Bools
    told: Bools
    propensity: Floats
    option: Ints


@dataclass(frozen=True)
class _History:
    """All executions as arrays, oldest first; codes instead of texts."""

    time: Floats
    final: Floats
    task: Ints
    place: Ints
    kind: Ints
    option: Ints
    success: Bools
    options: int
    vectors: NDArray[np.float32]
    noise: float


def replay(
    past: Sequence[EndedRun], noise: float, half_life_days: float, predict: int, progress: Progress
) -> Replay:
    """Predicts the last `predict` of the executions.

    Args:
        past: From `outcomes.ended`, oldest first.
        noise: `Embedder.floor` of the model that made the vectors.
        half_life_days: Age at which evidence counts half, in days.
        predict: How many at most.
        progress: Called as the work goes on.
    """
    history = _arrays(past, noise)
    first = max(0, len(past) - predict)
    vectors = history.vectors
    growing = Growing(vectors, noise)
    words = WordIndex()
    words.add([count_terms(*one.texts) for one in past[:first]])
    rows = []
    for now in range(first, len(past)):
        scores = words.score(TokenisedQuery.of(past[now].texts[0] or ""))
        plain = fusion.similarities(
            fusion.meaning(vectors[:now] @ vectors[now], noise),
            scores.coverage[:now],
            fusion.lexical_weight(scores),
        )
        plain[history.task[:now] == history.task[now]] = 1.0
        alike = growing.alike(plain, vectors[now], np.arange(now), history.task[:now])
        rows.append(_predict(history, now, alike, half_life_days))
        words.add([count_terms(*past[now].texts)])
        progress("predicting", now - first + 1, len(past) - first)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    predicted, by_option, by_all, followed, told, propensity = (np.array(c) for c in columns)
    return Replay(
        predicted=predicted.astype(np.float64),
        by_option=by_option.astype(np.float64),
        by_all=by_all.astype(np.float64),
        happened=history.success[first:],
        followed=followed.astype(bool),
        told=told.astype(bool),
        propensity=propensity.astype(np.float64),
        option=history.option[first:],
    )


def _arrays(past: Sequence[EndedRun], noise: float) -> _History:
    labels = ["", *sorted({one.label for one in past})]
    code = {label: number for number, label in enumerate(labels)}
    used = np.array([code[one.label] for one in past], np.int32)
    merged = merge(labels, used)
    return _History(
        time=np.array([one.recorded_at.timestamp() for one in past]),
        final=np.array([one.updated_at.timestamp() for one in past]),
        task=np.array([one.task_key for one in past], np.int64),
        place=_codes([one.repo for one in past]),
        kind=_codes([one.task_type for one in past]),
        option=merged.number[used],
        success=np.array([one.success for one in past], bool),
        options=len(merged.names),
        vectors=np.stack([one.vector for one in past]) if past else np.zeros((0, 0), np.float32),
        noise=noise,
    )


def _codes(values: Sequence[str]) -> Ints:
    known: dict[str, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _predict(
    history: _History, now: int, alike: Floats, half_life_days: float
) -> tuple[float, float, float, bool, bool, float]:
    """What was to be expected of one execution, and whether its option is the one recommended."""
    earlier = np.flatnonzero(history.final[:now] <= history.time[now])
    age = (history.time[now] - history.time[earlier]) / _DAY
    option, success = history.option[earlier], history.success[earlier]
    weight = recency(age, half_life_days)
    close = alike[earlier] > UNLIKE
    taken = int(history.option[now])
    seen = tally(option[close], alike[earlier][close], history.options)
    seen[taken] = np.inf  # has to be among those compared
    compared = np.sort(np.argsort(-seen, kind="stable")[:MOST_COMPARED])
    compared = compared[seen[compared] > 0]
    number = np.full(history.options, -1, np.int64)
    number[compared] = np.arange(len(compared))
    kept = everywhere(
        number[option],
        success,
        lambda at: history.vectors[earlier[at]],
        history.noise,
        len(compared),
    )
    used = np.flatnonzero(close & (number[option] >= 0))
    rows = earlier[used]
    choice = number[option[used]]
    old = superseded(history.task[rows], history.place[rows], choice, success[used])
    evidence = Evidence(
        option=choice,
        success=success[used],
        similarity=alike[rows],
        age_days=age[used],
        factor=np.where(old, SUPERSEDED, 1.0),
        kept=kept[used],
    )
    far = ~close
    weight_far = weight[far] * kept[far]
    won = tally(option[far], weight_far * success[far], history.options)
    lost = tally(option[far], weight_far * ~success[far], history.options)
    beyond = Background(
        Counts(won[compared], lost[compared]), float(won.sum()), float((won + lost).sum())
    )
    judged = judge(evidence, len(compared), half_life_days, beyond)
    best = int(compared[judged.order[0]])
    rate = (1 + float((weight * success).sum())) / (2 + float(weight.sum()))
    mine = option == taken
    own = (_SAME * rate + (weight * success)[mine].sum()) / (_SAME + weight[mine].sum())
    of_kind = option[history.kind[earlier] == history.kind[now]]
    share = (1 + int((of_kind == best).sum())) / (2 + len(of_kind))
    expected = float(judged.mean[number[taken]])
    return expected, float(own), rate, best == taken, judged.enough, share
