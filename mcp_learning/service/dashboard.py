"""Queries of the dashboard: figures over time, executions, approaches and failures.

They only read, and what they return doesn't count as recalled by an agent.
"""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import anyio.to_thread

from mcp_learning.insights.failures import failure_patterns
from mcp_learning.insights.findings import findings
from mcp_learning.insights.rates import compare_all, compared, rated, summarise, weights
from mcp_learning.insights.timeline import rate_points, step_for
from mcp_learning.models.dashboard import (
    ApproachComparison,
    History,
    Learned,
    ListExecutions,
    ListHistory,
    Listing,
    LookUp,
    LookUpResult,
    Overview,
    Pulse,
    RecallUse,
    TaskName,
    View,
)
from mcp_learning.models.listed import Used
from mcp_learning.models.requests import GroupBy, RecommendApproach
from mcp_learning.models.results import Group, Match
from mcp_learning.service.history import packed
from mcp_learning.service.retrieval import recommendation, similar_tasks
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import CLOCK_SKEW, Extent, Pairing, Period, UseCounts, Vote

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

GROUPS = 15  # repos, and task types, that an overview has
CHOICES = 200  # values that a filter offers
APPROACHES = 60  # approaches that are compared: those with the most outcomes

PATTERNS = 12
MOST_USED = 10

NEAREST = 200  # nearest tasks among which `look_up` finds what an answer leaves out

NAME = 120  # characters of a description that name an execution

_LAST = datetime(9999, 12, 31, tzinfo=UTC)  # so that executions of a wrong clock are listed, too


class Dashboard:
    """The dashboard's queries to one store; all raise StoreError when it can't be read."""

    def __init__(self, store: Store, indexing: Callable[[], Awaitable["Indexer"]]) -> None:
        self._store = store
        self._indexing = indexing

    async def overview(self, view: View) -> Overview:
        """Figures over time, by repo and by task type."""
        now, extent = datetime.now(UTC), await self._store.extent()
        period = _period(view, extent, now)
        totals = await self._store.totals(period)
        first = max(period.since, extent.earliest or now)
        step = step_for(first, period.until, totals.executions)
        buckets = await self._store.buckets(step, period)
        repos, repos_omitted = await self._groups("repo", period)
        task_types, task_types_omitted = await self._groups("task_type", period)
        return Overview(
            since=period.since,
            until=period.until,
            step=step,
            recorded=extent.executions,
            totals=summarise(totals),
            buckets=buckets,
            rates=rate_points(buckets, step),
            repos=repos,
            repos_omitted=repos_omitted,
            task_types=task_types,
            task_types_omitted=task_types_omitted,
            repo_choices=await self._store.choices("repo", CHOICES),
            task_type_choices=await self._store.choices("task_type", CHOICES),
        )

    async def listing(self, request: ListExecutions) -> Listing:
        """A page of a view's executions, in the requested order."""
        period = _period(request, await self._store.extent(), datetime.now(UTC))
        end = _LAST if request.days is None else period.until
        period = period._replace(
            since=request.since or period.since,
            until=request.until or end,
            approach=request.approach,
            outcome=None if request.outcome == "any" else request.outcome,
            text=request.text,
            same_task=request.same_task,
        )
        executions, total = await self._store.listing(
            period, request.limit, request.offset, request.sort, descending=request.descending
        )
        return Listing(total=total, executions=executions)

    async def learned(self, view: View) -> Learned:
        """Approaches compared, failure patterns and the use of recalls."""
        period = _period(view, await self._store.extent(), datetime.now(UTC))
        pairings = await self._store.pairings(period, APPROACHES)
        failures = await failure_patterns(self._store, period, PATTERNS)
        counts = await self._store.use_counts(period)
        used = await self._store.most_used(period, MOST_USED)
        approaches = await anyio.to_thread.run_sync(_approaches, pairings)
        loop = _loop(counts, used)
        failed = [task_id for pattern in failures.shown for task_id in pattern.task_ids]
        return Learned(
            findings=findings(approaches, failures.shown, loop),
            named=await self._named(failed),
            approaches=approaches,
            failures=failures.shown,
            other_failures=failures.others,
            loop=loop,
        )

    async def look_up(self, request: LookUp, votes: Mapping[UUID, Vote]) -> LookUpResult:
        """The answer of a search, further relevant and irrelevant matches, and a recommendation."""
        indexer = await self._indexing()
        more = request.model_copy(update={"limit": NEAREST})
        everything = more.model_copy(update={"min_similarity": 0.0})
        answer = await similar_tasks(indexer, request)
        relevant = (await similar_tasks(indexer, more)).matches
        nearest = (await similar_tasks(indexer, everything)).matches
        task = RecommendApproach(
            task_description=request.task_description,
            repo=request.repo,
            task_type=request.task_type,
            by=request.by,
            limit=request.limit,
        )
        advice = await recommendation(indexer, task, votes)
        ids = [task_id for option in advice.options for task_id in option.evidence]
        ids += [pitfall.task_id for pitfall in advice.pitfalls]
        return LookUpResult(
            answer=answer,
            beyond=_without(relevant, answer.matches)[: request.rest],
            below=_without(nearest, [*relevant, *answer.matches])[: request.rest],
            recommendation=advice,
            named=await self._named(ids),
        )

    async def history(self, request: ListHistory) -> History:
        """Executions with their texts, vectors and votes, for an evaluation in another process.

        Raises:
            EmbedderUnavailable: The embedding model can't be loaded.
        """
        indexer = await self._indexing()
        await indexer.load()
        past = await self._store.history(
            request.by, request.limit, request.offset, complete=request.complete
        )
        return History(noise=indexer.embedder.floor, executions=[packed(run) for run in past])

    async def pulse(self) -> Pulse:
        """A text that changes when the store or the vectors do; reads nothing from the store."""
        vectors = (await self._indexing()).retriever.rows.vectors
        return Pulse(state=f"{os.getpid()} {self._store.revision} {vectors}")

    async def _groups(self, by: GroupBy, period: Period) -> tuple[list[Group], int]:
        rows, omitted = await self._store.groups(by, period, GROUPS)
        return [Group(key=key, **summarise(one).model_dump()) for key, one in rows], omitted

    async def _named(self, task_ids: Iterable[UUID]) -> list[TaskName]:
        """Ids and shortened descriptions of those of these executions that exist."""
        found = await self._store.summaries(list(dict.fromkeys(task_ids)))
        return [
            TaskName(
                task_id=one.task_id,
                task_description=one.task_description[:NAME],
                outcome=one.outcome,
            )
            for one in found.values()
        ]


def _without(matches: Sequence[Match], others: Sequence[Match]) -> list[Match]:
    known = {match.task_id for match in others}
    return [match for match in matches if match.task_id not in known]


def _period(view: View, extent: Extent, now: datetime) -> Period:
    """The period of a view: its number of days, or all there is."""
    if view.days is not None:
        return Period.last_days(view.days, now, view.repo, view.task_type)
    since = min(extent.earliest or now, now)
    return Period(since, now + CLOCK_SKEW, view.repo, view.task_type)


def _approaches(pairings: Sequence[Pairing]) -> list[ApproachComparison]:
    """Approaches by task type, highest success rate first."""
    shown = [
        ApproachComparison(
            task_type=pairing.task_type,
            approach=pairing.approach,
            against_others=change,
            **rated(pairing.own).model_dump(),
        )
        for pairing, change in compared(pairings)
    ]
    return sorted(shown, key=lambda one: (one.task_type, -one.success_rate, one.approach))


def _loop(counts: UseCounts, most_used: list[Used]) -> RecallUse:
    return RecallUse(
        returned=counts.recalls,
        recalled=counts.executions_recalled,
        links=counts.links,
        with_use=rated(counts.with_use),
        without_use=rated(counts.without_use),
        difference=compare_all([(weights(counts.with_use), weights(counts.without_use))])[0],
        most_used=most_used,
    )
