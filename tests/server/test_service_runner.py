"""The service inside a server: closing never waits for what is slow."""

import anyio
import pytest

from mcp_learning.cluster.member import ClusterMember
from mcp_learning.models.requests import RecordExecution
from mcp_learning.server.service_runner import ServiceRunner
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.store import DuckDBStore

pytestmark = pytest.mark.anyio


async def test_closing_does_not_wait_for_an_index_that_is_being_opened(settings: Settings) -> None:
    member = ClusterMember(settings)
    runner = ServiceRunner(member)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.run)
        request = RecordExecution(task_type="a", task_description="b", outcome="success")
        await runner.learning.record(request)
        service, store = member._service, member._store
        assert service is not None
        assert isinstance(store, DuckDBStore)
        await service.ready()
        assert service._indexer is not None

        with service._indexer.retriever.index_manager._lock:  # as while it is opened
            await runner.close()

        assert store.database._root is None
