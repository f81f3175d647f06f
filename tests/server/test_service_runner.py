"""The service inside a server: closing never waits for what is slow."""

import anyio
import pytest

from mcp_learning.cluster.member import SharedService
from mcp_learning.models.requests import RecordExecution
from mcp_learning.server.service_runner import Host
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio


async def test_closing_does_not_wait_for_an_index_that_is_being_opened(settings: Settings) -> None:
    shared = SharedService(settings)
    host = Host(shared)
    async with anyio.create_task_group() as group:
        group.start_soon(host.run)
        request = RecordExecution(task_type="a", task_description="b", outcome="success")
        await shared.record(request)
        service, database = shared._service, shared._database
        assert service is not None
        assert database is not None
        await service.ready()
        assert service._indexer is not None

        with service._indexer.retriever.slot._lock:  # as while it is opened
            await host.close()

        assert database._root is None
