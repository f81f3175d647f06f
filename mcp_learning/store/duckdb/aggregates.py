"""The verbs of `Store` that count and compare: none of them writes."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from mcp_learning.models.dashboard import Bucket, Choice, Listed, SortKey, Step
from mcp_learning.models.requests import Dimension, GroupBy
from mcp_learning.store.duckdb import (
    error_texts,
    history,
    overview,
    statistics,
    traces,
    votes,
)
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.past_run import PastRun
from mcp_learning.store.traces import Trace
from mcp_learning.store.types import (
    ErrorTexts,
    Extent,
    Measures,
    Outcomes,
    Pairing,
    Period,
    Use,
    UseCounts,
    Vote,
)


class Aggregates:
    """The part of a `Store` on DuckDB that is about many executions at a time.

    Args:
        database: The file.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def totals(self, period: Period) -> Measures:
        return await self.database.read(lambda c: statistics.totals(c, period))

    async def groups(
        self, by: GroupBy, period: Period, limit: int
    ) -> tuple[list[tuple[str, Measures]], int]:
        return await self.database.read(lambda c: statistics.groups(c, by, period, limit))

    async def outcomes(
        self, by: GroupBy, period: Period, keys: Sequence[str]
    ) -> dict[str, Outcomes]:
        return await self.database.read(lambda c: statistics.outcomes(c, by, period, keys))

    async def pairings(self, period: Period, limit: int) -> list[Pairing]:
        return await self.database.read(lambda c: statistics.pairings(c, period, limit))

    async def buckets(self, step: Step, period: Period) -> list[Bucket]:
        return await self.database.read(lambda c: overview.buckets(c, step, period))

    async def listing(
        self,
        period: Period,
        limit: int,
        offset: int,
        sort: SortKey = "recorded_at",
        *,
        descending: bool = True,
    ) -> tuple[list[Listed], int]:
        return await self.database.read(
            lambda c: (
                overview.listing(c, period, limit, offset, sort, descending=descending),
                overview.count(c, period),
            )
        )

    async def starting_with(self, prefix: str, limit: int) -> list[Listed]:
        return await self.database.read(lambda c: overview.starting_with(c, prefix, limit))

    async def traces(self, repos: Sequence[str], limit: int) -> list[Trace]:
        return await self.database.read(lambda c: traces.traces(c, repos, limit))

    async def sessions(self, task_ids: Sequence[UUID]) -> dict[UUID, str]:
        return await self.database.read(lambda c: traces.sessions(c, task_ids))

    async def choices(self, column: Literal["repo", "task_type"], limit: int) -> list[Choice]:
        return await self.database.read(lambda c: overview.choices(c, column, limit))

    async def extent(self) -> Extent:
        return await self.database.read(overview.extent)

    async def error_texts(
        self, period: Period, limit: int, *, examples: int, fixes: int
    ) -> ErrorTexts:
        return await self.database.read(
            lambda c: error_texts.error_texts(c, period, limit, examples=examples, fixes=fixes)
        )

    async def similar_successes(
        self, failures: Sequence[UUID], *, nearest: int, least: float
    ) -> dict[UUID, UUID]:
        return await self.database.read(
            lambda c: error_texts.similar_successes(c, failures, nearest=nearest, least=least)
        )

    async def solutions(self, task_ids: Sequence[UUID], longest: int) -> dict[UUID, str]:
        return await self.database.read(lambda c: error_texts.solutions(c, task_ids, longest))

    async def history(
        self, by: Dimension, limit: int, offset: int = 0, *, complete: bool = True
    ) -> list[PastRun]:
        return await self.database.read(
            lambda c: history.latest(c, by, limit, offset, complete=complete)
        )

    async def votes(self) -> dict[UUID, Vote]:
        return await self.database.read(votes.votes)

    async def use_counts(self, period: Period) -> UseCounts:
        def read(cursor: Cursor) -> UseCounts:
            used, unused, links = overview.by_use(cursor, period)
            return UseCounts(used, unused, links, *votes.recall_totals(cursor))

        return await self.database.read(read)

    async def most_used(self, period: Period, limit: int) -> list[Use]:
        return await self.database.read(lambda c: overview.most_used(c, period, limit))
