"""A caller that is cancelled (a client may do that at any moment) leaves nothing half done."""

from uuid import UUID

import pytest
from service.examples import EXPORT, LOGIN, LOGIN_PARAPHRASE, Gate, execute, find, found_ids, record

from mcp_learning.service.learning import LearningService
from mcp_learning.store.duckdb import embeddings, executions

pytestmark = pytest.mark.anyio


async def test_a_cancelled_search_leaves_the_new_vector_findable(
    service: LearningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = (await record(service, EXPORT)).task_id
    await service.ready()
    newer = (await record(service, LOGIN)).task_id
    gate = Gate(embeddings.store)
    monkeypatch.setattr(embeddings, "store", gate)

    await gate.cancel_inside(lambda: find(service, LOGIN))

    assert await found_ids(service, LOGIN_PARAPHRASE) == [newer]
    assert await found_ids(service, EXPORT) == [task_id]


async def test_a_cancelled_caller_leaves_the_write_to_finish_and_be_found(
    service: LearningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.ready()
    gate = Gate(executions.insert)
    monkeypatch.setattr(executions, "insert", gate)

    await gate.cancel_inside(lambda: record(service, LOGIN, task_id=UUID(int=1)))
    await execute(service, "SELECT 1")  # writes are in order: the cancelled one is over

    assert await found_ids(service, LOGIN_PARAPHRASE) == [UUID(int=1)]
