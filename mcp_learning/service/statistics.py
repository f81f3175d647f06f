"""Statistics of all executions, for agents and people."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from mcp_learning.insights import report
from mcp_learning.models.health import Health
from mcp_learning.models.insights import Insights
from mcp_learning.models.lessons import LessonCounts
from mcp_learning.models.requests import LearningStats
from mcp_learning.models.results import Stats
from mcp_learning.store.protocol import Store


class Statistics:
    """Statistics of one store, with its health and the numbers of its lessons."""

    def __init__(
        self,
        store: Store,
        health: Callable[[], Awaitable[Health]],
        lessons: Callable[[], Awaitable[LessonCounts]],
    ) -> None:
        self._store = store
        self._health = health
        self._lessons = lessons

    async def stats(self, request: LearningStats) -> Stats:
        """Totals, groups, trends and failure patterns of a period, and the service's health."""
        now, health = datetime.now(UTC), await self._health()
        stats = await report.stats(self._store, request, now, health)
        return stats.model_copy(update={"lessons": await self._lessons()})

    async def insights(self) -> Insights:
        """Trends and failure patterns of the last `report.DAYS` days."""
        return await report.insights(self._store, datetime.now(UTC))
