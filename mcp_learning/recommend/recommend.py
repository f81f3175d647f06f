"""Recommends options for a task by their success rates on similar tasks.

`assess` weighs the evidence; `answer` makes the answer from it and from the texts of the executions
with the most weight, which the caller reads in between. Both block, and run in worker threads.
`gather` selects the executions, `evidence` weighs them, `estimate` estimates the rates.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal
from uuid import UUID

import numpy as np

from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Basis, Draw, Option, Recommendation
from mcp_learning.models.wording import counted
from mcp_learning.recommend import choice, pitfalls
from mcp_learning.recommend.compare import compare
from mcp_learning.recommend.estimate import ENOUGH, TRIED, Estimate
from mcp_learning.recommend.gather import SURE_OF_TYPE, Comparison, Gathered
from mcp_learning.recommend.history import HistoryCache
from mcp_learning.recommend.labels import PARTS, parts_of
from mcp_learning.recommend.tallies import heaviest_of_each, weighted_quantile
from mcp_learning.search.catalog import OUTCOMES, CatalogView
from mcp_learning.search.found import Related
from mcp_learning.search.scorer import Query
from mcp_learning.store.types import Shown, Vote

MOST_READ = 100
"""Most executions whose duration, cost and texts are read: those of each option that weigh most."""

SHOWN_EVIDENCE = 2
"""Most executions named for each option: those with the most weight."""

MOST_AVOIDED = 3
"""Most options named as to be avoided."""

_PENDING = OUTCOMES.index("pending")


@dataclass(frozen=True)
class Assessment:
    """The weighed evidence on the options for a task.

    Attributes:
        request: The request.
        gathered: The evidence.
        estimate: The rates estimated from it.
        order: The options, best first.
        view: The columns of the executions.
        weighty: Positions in the evidence of the executions with the most weight, greatest first.
        for_pitfalls: Rows of executions for pitfalls and fixes, from `pitfalls.relevant`.
        numbers: Rows of all these, by change number.
        pending: Number of similar executions that haven't ended.
        half_life_days: Age at which evidence counted half, in days.
    """

    request: RecommendApproach
    gathered: Gathered
    estimate: Estimate
    order: Sequence[int]
    view: CatalogView
    weighty: list[int]
    for_pitfalls: Mapping[int, float]
    numbers: Mapping[int, int]
    pending: int
    half_life_days: float

    def task_ids(self, numbers: Container[int]) -> dict[int, UUID]:
        """The ids of the executions with these change numbers, by change number."""
        return {n: self.view.task_id(row) for n, row in self.numbers.items() if n in numbers}


def assess(
    related: Related,
    query: Query,
    request: RecommendApproach,
    votes: Mapping[UUID, Vote],
    half_life_days: float,
    histories: HistoryCache,
) -> Assessment:
    """Weighs the evidence on the options for a task.

    Deterministic: the same data, question and `query.now` give the same answer.

    Args:
        related: Executions and their similarities to the task at hand.
        query: The question, without filters.
        request: What to compare, and for which repository and type of task.
        votes: Votes for and against executions.
        half_life_days: Age at which evidence counts half, in days.
        histories: The cache of histories of the same rows.
    """
    comparison = Comparison(request.by, request.repo, request.task_type, request.limit)
    compared = compare(related, query, comparison, votes, half_life_days, histories)
    gathered, estimated = compared.gathered, compared.estimate
    option, weights = gathered.evidence.option, estimated.weights
    weighty = heaviest_of_each(option, weights, len(gathered.names), MOST_READ)
    view = related.snapshot.view
    near = gathered.rows[weighty].tolist()
    evidence = dict(zip(near, weights[weighty].tolist(), strict=True))
    for_pitfalls = pitfalls.relevant(related, query, compared.history, evidence, half_life_days)
    rows = np.array(sorted({*near, *for_pitfalls}), np.int64)
    return Assessment(
        request=request,
        gathered=gathered,
        estimate=estimated,
        order=compared.order,
        view=view,
        weighty=weighty.tolist(),
        for_pitfalls=for_pitfalls,
        numbers=dict(zip(view["sequence"][rows].tolist(), rows.tolist(), strict=True)),
        pending=int((view["outcome"][related.rows] == _PENDING).sum()),
        half_life_days=half_life_days,
    )


def answer(made: Assessment, texts: Mapping[int, Shown]) -> Recommendation:
    """Options for a task, best first, with what failed before.

    Args:
        made: The assessment of the task.
        texts: Texts, by change number, of those executions in `made.numbers` that weren't deleted
            or changed meanwhile.
    """
    estimated, gathered, best = made.estimate, made.gathered, made.order
    shown = {row: texts[number] for number, row in made.numbers.items() if number in texts}
    rows = gathered.rows[made.weighty].tolist()
    read = {at: shown[row] for at, row in zip(made.weighty, rows, strict=True) if row in shown}
    costs, worse = _medians(gathered, estimated, read, "cost_usd"), estimated.worse
    order = choice.ordered(best, estimated, costs, made.request.objective)
    order = choice.shown(order, estimated)
    weighted = [(shown[row], weight) for row, weight in made.for_pitfalls.items() if row in shown]
    draw = choice.drawn(best, estimated) if made.request.explore else None
    return Recommendation(
        verdict="evidence" if estimated.enough else "insufficient_evidence",
        leader="better" if estimated.better else "unclear",
        options=_options(gathered, estimated, order, read, costs, made.request),
        draw=None if draw is None else Draw(label=gathered.names[draw[0]], propensity=draw[1]),
        avoid=[gathered.names[one] for one in best if worse[one]][:MOST_AVOIDED],
        pitfalls=pitfalls.find(weighted),
        basis=Basis(
            similar_executions=int((estimated.weights > 0).sum()),
            effective_n=round(float(estimated.effective.sum()), 1),
            pending=made.pending,
            options_known=gathered.known,
            overall_success_rate=round(estimated.global_rate, 3),
            half_life_days=made.half_life_days,
            note=_note(estimated, gathered, made.pending, made.request.by) + _type_note(gathered),
        ),
    )


def _options(
    gathered: Gathered,
    estimated: Estimate,
    order: Sequence[int],
    read: Mapping[int, Shown],
    costs: Mapping[int, float],
    request: RecommendApproach,
) -> list[Option]:
    durations = _medians(gathered, estimated, read, "duration_seconds")
    means, low, high = estimated.mean.tolist(), estimated.low.tolist(), estimated.high.tolist()
    shown, found = list(order[: request.limit]), []
    next_ones = [number for number in order if not estimated.worse[number]]
    for number, failed in zip(shown, estimated.after_failures(shown).tolist(), strict=True):
        other = choice.escalation(number, next_ones, means[number], failed, costs)
        mine = (at for at in read if gathered.evidence.option[at] == number)
        found.append(
            Option(
                label=gathered.names[number],
                **(parts_of(gathered.names[number]) if request.by == "routing" else {}),
                success_rate=round(means[number], 3),
                interval_low=round(low[number], 3),
                interval_high=round(high[number], 3),
                executions=int(estimated.executions[number]),
                effective_n=round(float(estimated.effective[number]), 1),
                expected_duration_seconds=durations.get(number),
                expected_cost_usd=costs.get(number),
                basis=_basis(estimated, number),
                escalate_to=None if other is None else gathered.names[other.to],
                escalated_success_rate=None if other is None else other.success_rate,
                escalated_cost_usd=None if other is None else other.cost_usd,
                evidence=[read[at].task_id for at in islice(mine, SHOWN_EVIDENCE)],
            )
        )
    return found


def _basis(estimated: Estimate, number: int) -> Literal["these tasks", "task type", "all tasks"]:
    if estimated.tried[number]:
        return "these tasks"
    return "task type" if estimated.of_type[number] >= TRIED else "all tasks"


def _medians(
    gathered: Gathered, estimated: Estimate, read: Mapping[int, Shown], field: str
) -> dict[int, float]:
    """The weighted median of `field` for each option on tasks like this one, where known."""
    given = np.array([getattr(one, field) for one in read.values()], np.float64)  # None: NaN
    known = np.fromiter(read, np.int64)[~np.isnan(given)]
    values, weights = given[~np.isnan(given)], estimated.weights[known]
    option = gathered.evidence.option[known]
    medians = {}
    for number in set(option.tolist()):
        mine = option == number
        medians[number] = round(weighted_quantile(values[mine], weights[mine], 0.5), 4)
    return medians


def _note(estimated: Estimate, gathered: Gathered, pending: int, by: str) -> str:
    """A sentence on the evidence behind the answer, and on what is missing."""
    waiting = f" (pending similar ones: {pending})" if pending else ""
    if not gathered.names:
        which = "similar execution" if gathered.known else "execution"
        fields = ", ".join(PARTS) if by == "routing" else by
        named = f"names its {by.replace('_', ' ')}"
        return f"no {which} that has ended {named}{waiting}; record one with {fields}"
    similar = int((estimated.weights > 0).sum())
    of_type = round(float(estimated.of_type.sum()))
    others = f"{of_type} of this type of task" if of_type else "other tasks"
    if not similar:
        ended = f"no similar execution with any of these options has ended{waiting}"
        return f"{ended}; rates are those of {others}"
    worth = float(estimated.effective.sum())
    weighted = f"{counted(similar, 'similar execution')}, by likeness and age worth {worth:.1f}"
    if worth < ENOUGH:
        return f"{weighted}, and {ENOUGH:g} are needed; so rates rest on {others}"
    won = float((estimated.weights * gathered.evidence.success).sum())
    if won == 0:
        return "every similar execution with these options failed; try something new"
    return weighted


def _type_note(gathered: Gathered) -> str:
    """A clause on the inferred type of the task; empty if none was inferred."""
    likely = sorted(gathered.inferred.items(), key=lambda one: -one[1])[:2]
    if not likely:
        return ""
    (first, chance), (second, less) = likely
    if chance >= SURE_OF_TYPE:
        return f"; taken for {first} ({chance:.0%})"
    return f"; unsure of its type ({first} {chance:.0%}, {second} {less:.0%}): name task_type"
