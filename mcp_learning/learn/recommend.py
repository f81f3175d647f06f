"""What to try on a task: the outcomes of similar ones, by option, with honest doubt.

Blocks, and runs in a worker thread with a cursor of its own. What is weighed how is in `evidence`,
how rates follow in `judgement`; here the executions are gathered and the answer is put together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from mcp_learning.learn import pitfalls
from mcp_learning.learn.evidence import (
    ELSEWHERE,
    SUPERSEDED,
    UNLIKE,
    Bools,
    Evidence,
    Ints,
    recency,
    superseded,
)
from mcp_learning.learn.judgement import ENOUGH, Beyond, Judgement, judge
from mcp_learning.learn.labels import Merged, merge
from mcp_learning.learn.posterior import Counts, Floats, tally, weighted_quantile
from mcp_learning.learn.recalls import weight_of
from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Basis, ExecutionSummary, Option, Recommendation
from mcp_learning.search.catalog import OUTCOMES, View
from mcp_learning.search.hybrid import Kin, Retriever
from mcp_learning.search.judge import Query
from mcp_learning.store.duckdb import Cursor
from mcp_learning.store.votes import Vote

MOST_COMPARED = 12
"""Options that are compared, those with the most evidence on tasks like this one, unless more are
to be shown: each takes 0.1 ms."""

MOST_UNTRIED = 2
"""Options shown at most that are known from other tasks only, beside those that were tried."""

MOST_READ = 100
"""Executions whose duration, cost and texts are looked at, those with the most weight."""

SHOWN_EVIDENCE = 2
"""Executions named for each option, those with the most weight."""

_SUCCESS, _PENDING = OUTCOMES.index("success"), OUTCOMES.index("pending")
_DAY = 86_400e6  # microseconds
_MOST_CELLS = 1 << 20  # of a table of options by types: 8 MB


@dataclass(frozen=True)
class _Gathered:
    """Ended executions like the task at hand, n of them, oldest first, by row; and all options."""

    rows: Ints
    option: Ints
    evidence: Evidence
    beyond: Beyond
    names: list[str]
    known: int


def recommend(
    cursor: Cursor,
    retriever: Retriever,
    query: Query,
    request: RecommendApproach,
    votes: Mapping[UUID, Vote],
    half_life_days: float,
) -> Recommendation:
    """Options for a task, best first, with what failed before.

    Deterministic: the same data, question and `query.now` give the same answer.

    Args:
        cursor: Of the truth.
        retriever: Of the same database.
        query: The question, without filters.
        request: What to compare, and for which repository and type of task.
        votes: For and against executions.
        half_life_days: Age at which evidence counts half, in days.
    """
    kin = retriever.kin(cursor, query)
    now = query.now.timestamp() * 1e6
    gathered = _gather(kin, request, votes, now, half_life_days)
    judged = judge(gathered.evidence, len(gathered.names), half_life_days, gathered.beyond)
    order = np.argsort(-judged.weights, kind="stable")
    weighty = order[judged.weights[order] > 0][:MOST_READ]
    texts = retriever.summaries(cursor, kin, gathered.rows[weighty].tolist())
    read = {at: texts[row] for at in weighty.tolist() if (row := int(gathered.rows[at])) in texts}
    like = kin.rows[kin.similarities > UNLIKE]
    pending = int((kin.snapshot.view["outcome"][like] == _PENDING).sum())
    return Recommendation(
        verdict="evidence" if judged.enough else "insufficient_evidence",
        leader="better" if judged.better else "unclear",
        options=_options(gathered, judged, read, request.limit),
        pitfalls=pitfalls.find(
            [(read[at], float(judged.weights[at])) for at in weighty.tolist() if at in read]
        ),
        basis=Basis(
            similar_executions=int((judged.weights > 0).sum()),
            effective_n=round(float(judged.effective.sum()), 1),
            pending=pending,
            options_known=gathered.known,
            overall_success_rate=round(judged.global_rate, 3),
            half_life_days=half_life_days,
            note=_note(judged, gathered, pending, request.by),
        ),
    )


def _gather(
    kin: Kin,
    request: RecommendApproach,
    votes: Mapping[UUID, Vote],
    now: float,
    half_life_days: float,
) -> _Gathered:
    view = kin.snapshot.view
    merged = merge(kin.snapshot.labels(request.by), view[request.by])
    option = merged.number[view[request.by]]
    ended = view["alive"] & (view["outcome"] != _PENDING) & (option >= 0)
    near = kin.rows[(kin.similarities > UNLIKE) & ended[kin.rows]]
    near = near[np.lexsort((view["sequence"][near], view["timestamp"][near]))]
    similarity = np.zeros(len(view))
    similarity[kin.rows] = kin.similarities
    far = ended.copy()
    far[near] = False
    beyond, total = _beyond(
        view, np.flatnonzero(far), option, len(merged.names), now, half_life_days
    )
    chosen = _compared(kin, near, option, similarity, beyond, merged, request)
    renumbered = np.full(len(merged.names) + 1, -1, np.int64)
    renumbered[chosen] = np.arange(len(chosen))
    near = near[renumbered[option[near]] >= 0]
    success = view["outcome"][near] == _SUCCESS
    evidence = Evidence(
        option=renumbered[option[near]],
        success=success,
        similarity=similarity[near],
        age_days=np.maximum(now - view["timestamp"][near], 0) / _DAY,
        factor=_factor(kin, near, renumbered[option[near]], success, votes, request),
    )
    among = Counts(beyond.success[chosen], beyond.failure[chosen])
    names = [merged.names[number] for number in chosen.tolist()]
    whole = Beyond(among, float(beyond.success.sum()), total)
    return _Gathered(near, evidence.option, evidence, whole, names, len(merged.names))


def _beyond(
    view: View, rows: Ints, option: Ints, options: int, now: float, half_life_days: float
) -> tuple[Counts, float]:
    """Counts of all options on tasks unlike this one, by recency, and their sum."""
    weight = recency((now - view["timestamp"][rows]) / _DAY, half_life_days)
    success = view["outcome"][rows] == _SUCCESS
    won = tally(option[rows], weight * success, options)
    lost = tally(option[rows], weight * ~success, options)
    return Counts(won, lost), float(weight.sum())


def _compared(
    kin: Kin,
    near: Ints,
    option: Ints,
    similarity: Floats,
    beyond: Counts,
    merged: Merged,
    request: RecommendApproach,
) -> Ints:
    """Numbers of the options to compare, ascending: tried on such tasks, and worth exploring."""
    count = len(merged.names)
    seen = np.bincount(option[near], similarity[near], count)
    tried = np.flatnonzero(seen > 0)
    tried = tried[np.argsort(-seen[tried], kind="stable")][: max(MOST_COMPARED, request.limit)]
    worth = _transferable(kin, near, option, count, request)
    worth[seen > 0] = False
    untried = np.flatnonzero(worth)
    usual = (beyond.success[untried] + 1) / (beyond.total[untried] + 2)
    untried = untried[np.lexsort((untried, -beyond.total[untried], -np.round(usual, 9)))]
    room = MOST_UNTRIED if len(tried) else request.limit
    return np.sort(np.concatenate([tried, untried[:room]]))


def _transferable(
    kin: Kin, near: Ints, option: Ints, count: int, request: RecommendApproach
) -> Bools:
    """(count,) whether an option might fit tasks like this one, without having been tried on them.

    It was used on the type of task at hand (as asked for, else that of the similar executions), or
    on two types at least. An approach that only ever served to write documentation is no advice
    for a deadlock.
    """
    view = kin.snapshot.view
    types = kin.snapshot.labels("task_type")
    rows = np.flatnonzero(view["alive"] & (option >= 0))
    pairs = option[rows] * len(types) + view["task_type"][rows]
    if count * len(types) <= _MOST_CELLS:
        pairs = np.flatnonzero(np.bincount(pairs, minlength=count * len(types)))
    else:
        pairs = np.unique(pairs)
    used_option, used_type = np.divmod(pairs, len(types))
    if request.task_type is not None:
        here = [types.index(request.task_type)] if request.task_type in types else []
    else:
        here = np.unique(view["task_type"][near]).tolist()
    fits = np.bincount(used_option, minlength=count) >= 2
    fits[used_option[np.isin(used_type, here)]] = True
    return np.asarray(fits)


def _factor(
    kin: Kin,
    near: Ints,
    option: Ints,
    success: Bools,
    votes: Mapping[UUID, Vote],
    request: RecommendApproach,
) -> Floats:
    view = kin.snapshot.view
    factor = np.ones(len(near))
    for name, wanted in (("repo", request.repo), ("task_type", request.task_type)):
        if wanted is not None:
            labels = kin.snapshot.labels(name)
            code = labels.index(wanted) if wanted in labels else -1
            factor[view[name][near] != code] *= ELSEWHERE
    factor[superseded(view["task_key"][near], view["repo"][near], option, success)] *= SUPERSEDED
    if votes:
        given = (votes.get(view.task_id(row)) for row in near.tolist())
        factor *= np.array([1.0 if vote is None else weight_of(vote) for vote in given])
    return factor


def _options(
    gathered: _Gathered, judged: Judgement, read: Mapping[int, ExecutionSummary], limit: int
) -> list[Option]:
    mean = judged.mean
    return [
        Option(
            label=gathered.names[number],
            success_rate=round(float(mean[number]), 3),
            interval_low=round(float(judged.low[number]), 3),
            interval_high=round(float(judged.high[number]), 3),
            executions=int(judged.executions[number]),
            effective_n=round(float(judged.effective[number]), 1),
            expected_duration_seconds=_median(number, gathered, judged, read, "duration_seconds"),
            expected_cost_usd=_median(number, gathered, judged, read, "cost_usd"),
            evidence=[one.task_id for at, one in read.items() if gathered.option[at] == number][
                :SHOWN_EVIDENCE
            ],
        )
        for number in judged.order[:limit].tolist()
    ]


def _median(
    number: int,
    gathered: _Gathered,
    judged: Judgement,
    read: Mapping[int, ExecutionSummary],
    field: str,
) -> float | None:
    """The weighted median of what the option took on tasks like this one, if it is known."""
    known = [
        (value, judged.weights[at])
        for at, one in read.items()
        if gathered.option[at] == number and (value := getattr(one, field)) is not None
    ]
    if not known:
        return None
    values, weights = np.array(known, np.float64).T
    return round(weighted_quantile(values, weights, 0.5), 4)


def _note(judged: Judgement, gathered: _Gathered, pending: int, by: str) -> str:
    """One sentence about what the answer rests on, and what is missing."""
    label = by.replace("_", " ")
    if not gathered.known:
        return f"no execution that has ended names its {label}; record one with {by}"
    similar = int((judged.weights > 0).sum())
    if not similar:
        waiting = f" ({pending} similar ones are pending)" if pending else ""
        return f"no similar execution has ended{waiting}; rates are those of other tasks"
    if not judged.enough:
        return (
            f"{similar} similar executions weigh as much as {judged.effective.sum():.1f} of the "
            f"same task; {ENOUGH:g} are needed, so rates lean on other tasks"
        )
    won = float((judged.weights * gathered.evidence.success).sum())
    if won == 0:
        return "every similar execution failed; see the pitfalls, or try something new"
    return f"{similar} similar executions, worth {judged.effective.sum():.1f} of the same task"
