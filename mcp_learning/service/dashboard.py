"""What the dashboard shows: a view's figures over time, its lessons, and a search.

It only reads. What is looked up here doesn't count as recalled by an agent.
"""

import os
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mcp_learning.insights.period import Period, failure_patterns
from mcp_learning.insights.rates import changes, summarise, wilson_interval
from mcp_learning.models.dashboard import (
    Approach,
    Bucket,
    EndedExecution,
    History,
    Learned,
    ListExecutions,
    ListHistory,
    Listing,
    Loop,
    Overview,
    Pulse,
    Rate,
    Step,
    Used,
    View,
)
from mcp_learning.models.requests import GroupBy
from mcp_learning.models.results import Group
from mcp_learning.store.duckdb import executions, outcomes, overview, statistics, votes
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.statistics import Scope
from mcp_learning.store.types import Outcomes

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

GROUPS = 15
"""Repos, and task types, that an overview has."""

CHOICES = 200
"""Values that a filter offers."""

APPROACHES = 60
"""Approaches that are compared, those that ended most often."""

PATTERNS = 12
MOST_USED = 10

_STEPS: tuple[tuple[int, Step], ...] = ((4, "hour"), (120, "day"), (900, "week"))


class Dashboard:
    """The dashboard's questions to one database.

    Args:
        database: The database.
        indexing: Gives its indexer, loaded or not.
    """

    def __init__(self, database: Database, indexing: Callable[[], Awaitable["Indexer"]]) -> None:
        self._database = database
        self._indexing = indexing

    async def overview(self, view: View) -> Overview:
        """Figures over time, by repo and by task type.

        Raises:
            StoreError: The database can't be read.
        """
        now = datetime.now(UTC)
        scope = _scope(view)
        return await self._database.read(lambda cursor: _overview(cursor, view, scope, now))

    async def listing(self, request: ListExecutions) -> Listing:
        """Executions of a view, the latest first. Raises as `overview` does."""
        now = datetime.now(UTC)
        scope = _scope(request)

        def read(cursor: Cursor) -> Listing:
            since, until = _between(cursor, request, now)
            return Listing(
                total=overview.count(cursor, since, until, scope),
                executions=overview.latest(
                    cursor, since, until, scope, request.limit, request.offset
                ),
            )

        return await self._database.read(read)

    async def learned(self, view: View) -> Learned:
        """Approaches, failures and the use of recalls. Raises as `overview` does."""
        now = datetime.now(UTC)
        scope = _scope(view)
        return await self._database.read(lambda cursor: _learned(cursor, view, scope, now))

    async def history(self, request: ListHistory) -> History:
        """Ended executions with their texts and vectors, for an evaluation elsewhere.

        Raises:
            EmbedderUnavailable: The embedding model can't be loaded.
            StoreError: The database can't be read.
        """
        indexer = await self._indexing()
        await indexer.load()
        noise = indexer.embedder.floor

        def read(cursor: Cursor) -> History:
            past = outcomes.ended(cursor, request.by, request.limit, request.offset)
            return History(
                noise=noise,
                executions=[
                    EndedExecution(
                        recorded_at=one.recorded_at,
                        updated_at=one.updated_at,
                        task_key=one.task_key,
                        repo=one.repo,
                        task_type=one.task_type,
                        label=one.label,
                        success=one.success,
                        texts=list(one.texts),
                        vector=b64encode(one.vector.astype("<f4").tobytes()).decode(),
                    )
                    for one in past
                ],
            )

        return await self._database.read(read)

    async def pulse(self) -> Pulse:
        """What changes when the database does; asks it nothing."""
        return Pulse(state=f"{os.getpid()}.{self._database.openings}.{self._database.commits}")


def _scope(view: View) -> Scope:
    return Scope(repo=view.repo, task_type=view.task_type)


def _between(cursor: Cursor, view: View, now: datetime) -> tuple[datetime, datetime]:
    """The period of a view: all there is, unless it says how many days."""
    until = now + timedelta(seconds=1)
    if view.days is not None:
        return until - timedelta(days=view.days), until
    return min(overview.earliest(cursor) or now, now), until


def _overview(cursor: Cursor, view: View, scope: Scope, now: datetime) -> Overview:
    since, until = _between(cursor, view, now)
    first = max(since, overview.earliest(cursor) or now)
    days = (until - first) / timedelta(days=1)
    step: Step = next((step for most, step in _STEPS if days <= most), "month")
    totals = summarise(statistics.totals(cursor, since, until, scope))
    found = overview.buckets(cursor, step, since, until, scope)

    def groups(by: GroupBy) -> tuple[list[Group], int]:
        rows, more = statistics.groups(cursor, by, since, until, scope, GROUPS)
        return [Group(key=key, **summarise(one).model_dump()) for key, one in rows], more

    repos, repos_omitted = groups("repo")
    task_types, task_types_omitted = groups("task_type")
    return Overview(
        since=since,
        until=until,
        step=step,
        recorded=executions.count(cursor),
        totals=totals,
        buckets=[_with_rate(bucket) for bucket in found],
        repos=repos,
        repos_omitted=repos_omitted,
        task_types=task_types,
        task_types_omitted=task_types_omitted,
        repo_choices=overview.choices(cursor, "repo", CHOICES),
        task_type_choices=overview.choices(cursor, "task_type", CHOICES),
    )


def _with_rate(bucket: Bucket) -> Bucket:
    rate = _rate(Outcomes(bucket.success, bucket.failure))
    return bucket.model_copy(update=rate.model_dump(exclude={"success", "failure"}))


def _learned(cursor: Cursor, view: View, scope: Scope, now: datetime) -> Learned:
    since, until = _between(cursor, view, now)
    period = Period(since - (until - since), since, until, scope)
    common, others = failure_patterns(cursor, period, PATTERNS)
    return Learned(
        approaches=_approaches(cursor, since, until, scope),
        failures=common,
        other_failures=others,
        loop=_loop(cursor, since, until, scope),
    )


def _approaches(cursor: Cursor, since: datetime, until: datetime, scope: Scope) -> list[Approach]:
    found = statistics.pairings(cursor, since, until, scope, APPROACHES)
    compared = changes([(pairing.own, pairing.others) for pairing in found])
    shown = []
    for pairing, change in zip(found, compared, strict=True):
        if change is None:
            continue
        own = pairing.own
        low, high = wilson_interval(own.success, sum(own))
        shown.append(
            Approach(
                task_type=pairing.task_type,
                approach=pairing.approach,
                success=own.success,
                failure=own.failure,
                success_rate=round(own.success / sum(own), 4),
                interval_low=round(low, 4),
                interval_high=round(high, 4),
                against_others=change,
            )
        )
    return sorted(shown, key=lambda one: (one.task_type, -one.success_rate, one.approach))


def _loop(cursor: Cursor, since: datetime, until: datetime, scope: Scope) -> Loop:
    used, unused, links = overview.by_use(cursor, since, until, scope)
    returned, recalled = votes.all_returned(cursor)
    return Loop(
        returned=returned,
        recalled=recalled,
        links=links,
        with_use=_rate(used),
        without_use=_rate(unused),
        difference=changes([(used, unused)])[0],
        most_used=[
            Used(
                task_id=use.task_id,
                task_description=use.task_description,
                outcome=use.outcome,
                uses=use.uses,
                success=use.ended.success,
                failure=use.ended.failure,
            )
            for use in overview.most_used(cursor, since, until, scope, MOST_USED)
        ],
    )


def _rate(ended: Outcomes) -> Rate:
    if not sum(ended):
        return Rate(success=0, failure=0)
    low, high = wilson_interval(ended.success, sum(ended))
    return Rate(
        success=ended.success,
        failure=ended.failure,
        success_rate=round(ended.success / sum(ended), 4),
        interval_low=round(low, 4),
        interval_high=round(high, 4),
    )
