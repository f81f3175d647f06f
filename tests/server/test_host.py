"""The service inside a server: closing never waits for what is slow."""

import pytest

from mcp_learning.learn.service import LearningService
from mcp_learning.models.requests import RecordExecution
from mcp_learning.server.host import Host
from mcp_learning.settings import Settings
from mcp_learning.store.migrations import open_database

pytestmark = pytest.mark.anyio


async def test_closing_does_not_wait_for_an_index_that_is_being_opened(settings: Settings) -> None:
    database = open_database(settings)
    host = Host(settings, database)
    service = LearningService(settings, database)
    await service.ready()
    request = RecordExecution(task_type="a", task_description="b", outcome="success")
    await service.record(request)
    host._service = service
    assert service._indexer is not None

    with service._indexer.retriever.slot._lock:  # as while it is opened
        await host.close()

    assert database._root is None
