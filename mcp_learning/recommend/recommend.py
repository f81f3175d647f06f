"""What to try on a task: the outcomes of similar ones, by option, with honest doubt.

Blocks, and runs in a worker thread with a cursor of its own. Which executions tell about the task
is in `gathering`, how much each weighs in `evidence`, how rates follow in `judgement`; here the
answer is put together.
"""

from collections.abc import Mapping
from uuid import UUID

import numpy as np

from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Basis, ExecutionSummary, Option, Recommendation
from mcp_learning.recommend import pitfalls
from mcp_learning.recommend.estimate import ENOUGH, Estimate, judge
from mcp_learning.recommend.evidence import UNLIKE
from mcp_learning.recommend.gather import Gathered, gather
from mcp_learning.recommend.posterior import weighted_quantile
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.scorer import Query
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import Vote

MOST_READ = 100
"""Executions whose duration, cost and texts are looked at, those with the most weight."""

SHOWN_EVIDENCE = 2
"""Executions named for each option, those with the most weight."""

_PENDING = OUTCOMES.index("pending")


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
    gathered = gather(kin, query, request, votes, half_life_days)
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


def _options(
    gathered: Gathered, judged: Estimate, read: Mapping[int, ExecutionSummary], limit: int
) -> list[Option]:
    mean, option = judged.mean, gathered.evidence.option
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
            evidence=[one.task_id for at, one in read.items() if option[at] == number][
                :SHOWN_EVIDENCE
            ],
        )
        for number in judged.order[:limit].tolist()
    ]


def _median(
    number: int,
    gathered: Gathered,
    judged: Estimate,
    read: Mapping[int, ExecutionSummary],
    field: str,
) -> float | None:
    """The weighted median of what the option took on tasks like this one, if it is known."""
    known = [
        (value, judged.weights[at])
        for at, one in read.items()
        if gathered.evidence.option[at] == number and (value := getattr(one, field)) is not None
    ]
    if not known:
        return None
    values, weights = np.array(known, np.float64).T
    return round(weighted_quantile(values, weights, 0.5), 4)


def _note(judged: Estimate, gathered: Gathered, pending: int, by: str) -> str:
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
