"""What a reader of changes holds is what the store holds, whenever it asks."""

from array import array
from collections.abc import AsyncIterator
from uuid import UUID

import anyio
import pytest
from store.rows import execution

from mcp_learning.models.results import Execution
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.feed import consistent_snapshot
from mcp_learning.store.duckdb.store import DuckDBStore, open_store
from mcp_learning.store.types import Changes, Columns, Mark, Selection

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[DuckDBStore]:
    opened = open_store(settings)
    yield opened
    await opened.close()


class Reader:
    """Change numbers by execution, as told by changes."""

    def __init__(self, store: DuckDBStore) -> None:
        self.held: dict[UUID, int] = {}
        self._store = store
        self._mark: Mark | None = None

    async def read(self) -> Changes:
        changes = await self._store.changes(self._mark)
        if changes.complete:
            self.held = {}
        for high, low in changes.deleted.tolist():
            self.held.pop(UUID(int=high << 64 | low), None)
        rows = changes.rows
        numbers = (rows.high.tolist(), rows.low.tolist(), rows.sequence.tolist())
        for high, low, number in zip(*numbers, strict=True):
            self.held[UUID(int=high << 64 | low)] = number
        self._mark = changes.next
        return changes


async def record(store: DuckDBStore, task_id: UUID | None = None) -> UUID:
    row = execution(**({"task_id": task_id} if task_id else {}))

    def merge(_: Execution | None) -> Execution:
        return row

    await store.upsert(row.task_id, merge)
    return row.task_id


async def test_only_what_changed_since_the_mark_is_told(store: DuckDBStore) -> None:
    reader = Reader(store)
    first, second = await record(store), await record(store)
    assert (await reader.read()).complete
    third = await record(store)
    await store.delete(Selection([first]))
    changes = await reader.read()
    assert not changes.complete
    assert (len(changes.rows), len(changes.deleted)) == (1, 1)
    assert reader.held.keys() == {second, third}
    changes = await reader.read()
    assert (len(changes.rows), len(changes.deleted)) == (0, 0)


async def test_a_dry_run_deletes_nothing_and_is_no_change(store: DuckDBStore) -> None:
    task_id = await record(store)
    revision = store.revision
    assert (await store.delete(Selection([task_id]), dry_run=True)).task_ids == [task_id]
    assert store.revision == revision


async def test_a_store_that_was_opened_again_tells_everything(store: DuckDBStore) -> None:
    reader = Reader(store)
    task_id = await record(store)
    await reader.read()
    await store.compact()
    assert (await reader.read()).complete
    assert reader.held.keys() == {task_id}


async def test_what_is_deleted_and_recorded_again_while_rows_are_read_is_read_again(
    store: DuckDBStore,
) -> None:
    task_id = await record(store)
    await record(store)
    rows = (await store.changes()).rows
    log = array("Q", [1, 2])
    reads = 0

    def read() -> Columns:
        nonlocal reads
        reads += 1
        if reads == 1:
            log.extend([task_id.int >> 64, task_id.int & (2**64 - 1), 3, 4])
        return rows

    assert consistent_snapshot(read, log) == (rows, 6)
    assert reads == 2
    assert consistent_snapshot(read, log) == (rows, 6)
    assert reads == 3


async def test_deletions_are_told_before_the_execution_that_is_recorded_again(
    store: DuckDBStore,
) -> None:
    """Readers and a writer in their own threads, in whatever order they come."""
    again = [UUID(int=number) for number in (1, 2)]
    readers = [Reader(store) for _ in range(3)]
    done = False

    async def follow(reader: Reader) -> None:
        while not done:
            await reader.read()

    async with anyio.create_task_group() as group:
        for reader in readers:
            group.start_soon(follow, reader)
        for _ in range(15):
            for task_id in again:
                await record(store, task_id)
            await store.delete(Selection(again))
        kept = await record(store, again[0])
        done = True
    for reader in readers:
        await reader.read()
        assert reader.held.keys() == {kept}
        complete = Reader(store)
        await complete.read()
        assert reader.held == complete.held
