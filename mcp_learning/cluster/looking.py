"""The calls of a service that only a dashboard or an evaluation makes; none changes anything."""

from abc import ABC, abstractmethod

from mcp_learning.cluster import methods
from mcp_learning.cluster.methods import A, Method, Q, Report
from mcp_learning.models.dashboard import (
    History,
    Learned,
    ListExecutions,
    ListHistory,
    Listing,
    LookedUp,
    LookUp,
    Overview,
    Pulse,
    View,
    Vitals,
)
from mcp_learning.models.requests import GetExecution
from mcp_learning.models.results import ExecutionDetail


class Looking(ABC):
    """Part of a `SharedService`."""

    @abstractmethod
    async def _ask(self, method: Method[Q, A], request: Q, report: Report | None = None) -> A: ...

    async def overview(self, view: View) -> Overview:
        """As `Dashboard.overview`."""
        return await self._ask(methods.OVERVIEW, view)

    async def listing(self, request: ListExecutions) -> Listing:
        """As `Dashboard.listing`."""
        return await self._ask(methods.LISTING, request)

    async def learned(self, view: View) -> Learned:
        """As `Dashboard.learned`."""
        return await self._ask(methods.LEARNED, view)

    async def inspect(self, request: GetExecution) -> ExecutionDetail:
        """As `LearningService.get`, for a person."""
        return await self._ask(methods.INSPECT, request)

    async def look_up(self, request: LookUp) -> LookedUp:
        """As `LearningService.look_up`."""
        return await self._ask(methods.LOOK_UP, request)

    async def history(self, request: ListHistory) -> History:
        """As `Dashboard.history`."""
        return await self._ask(methods.HISTORY, request)

    async def vitals(self) -> Vitals:
        """How the leader does: latencies of recent calls, whoever made them, and events."""
        return await self._ask(methods.VITALS, methods.Nothing())

    async def pulse(self) -> Pulse:
        """What changes when the database, or its leader, does."""
        return await self._ask(methods.PULSE, methods.Nothing())
