"""The service inside a server: closing doesn't wait for slow work."""

import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest
from waiting import DEADLINE, until

from mcp_learning.cluster.member import ClusterMember
from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import RebuildIndex, RecordExecution
from mcp_learning.server.service_runner import ServiceRunner
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import FileStore

pytestmark = pytest.mark.anyio


class SlowToOpen:
    """An index that is being opened until `go_on` is set."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        self.indexers: list[Indexer] = []

    def service(self, settings: Settings, store: FileStore) -> LearningService:
        self.indexers.append(Indexer(settings, store))
        return LearningService(settings, store, self.indexers[-1])

    def open(self) -> None:
        (indexer,) = self.indexers
        manager = indexer.retriever.index_manager
        manager.open(indexer.embedder.fingerprint, self._vectors, wanted=True)

    def _vectors(self, _: object) -> Any:
        self.began.set()
        assert self.go_on.wait(DEADLINE)
        raise IndexUnavailable("not used any more")


async def test_closing_does_not_wait_for_an_index_that_is_being_opened(settings: Settings) -> None:
    slow = SlowToOpen()
    runner = ServiceRunner(ClusterMember(settings, service=slow.service))
    log = anyio.Path(f"{settings.database_path}.wal")
    async with anyio.create_task_group() as group:
        group.start_soon(runner.run)
        request = RecordExecution(task_type="a", task_description="b", outcome="success")
        await runner.learning.record(request)
        await runner.learning.rebuild(RebuildIndex(preset="fast"), ignore_progress)
        assert await log.exists()
        group.start_soon(anyio.to_thread.run_sync, slow.open)
        await anyio.to_thread.run_sync(slow.began.wait, DEADLINE)

        await runner.close()

        assert not slow.go_on.is_set()

        async def is_closed() -> bool:
            return not await log.exists()

        await until(is_closed)
        slow.go_on.set()
