"""The rows in memory are those of the store, whatever is committed while they are read."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import numpy as np
import pytest
from search.planted import DIMENSION, Vectors
from search.world import Model
from store.rows import NOW, execution

from mcp_learning.errors import StoreError
from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search.lexical.terms import count_terms
from mcp_learning.search.retriever import Retriever
from mcp_learning.service.embedding import EmbeddingQueue
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.store import DuckDBStore, open_store
from mcp_learning.store.types import Selection

pytestmark = pytest.mark.anyio


class Observed:
    """A store that counts its calls, and lets something happen before a chosen one."""

    def __init__(self, store: DuckDBStore) -> None:
        self.store = store
        self.calls: Counter[str] = Counter()
        self.before: dict[str, Callable[[], Awaitable[object]]] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.store, name)
        if not iscoroutinefunction(value):
            return value

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls[name] += 1
            if name in self.before:
                await self.before.pop(name)()
            return await value(*args, **kwargs)

        return call


class Embedding(Model):
    """A model with the same vector for every text."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.tile(np.eye(1, DIMENSION, dtype=np.float32), (len(texts), 1))


class Indexed:
    """One store and the rows in memory."""

    def __init__(self, store: DuckDBStore, directory: Path) -> None:
        self.store = Observed(store)
        model: Any = Embedding()
        seen: Any = self.store
        self.retriever = Retriever(directory, "exact", 0, 128)
        self.sync = IndexSync(directory, seen, model, self.retriever)
        self.queue = EmbeddingQueue(self.sync)

    async def record(self, task_id: UUID | None = None, **values: Any) -> UUID:
        row = execution(**values, **({"task_id": task_id} if task_id else {}))

        def merge(_: Execution | None) -> Execution:
            return row

        await self.store.store.upsert(row.task_id, merge)
        return row.task_id

    async def delete(self, *task_ids: UUID) -> None:
        await self.store.store.delete(Selection(task_ids))

    @property
    def ids(self) -> list[UUID]:
        """Of all rows that a search may find."""
        snapshot = self.retriever.rows.snapshot(Filters(), NOW)
        rows = snapshot.passes(np.arange(len(snapshot.view)))
        return sorted(snapshot.view.task_id(row) for row in rows.tolist())


@pytest.fixture
async def indexed(settings: Settings, tmp_path: Path) -> AsyncIterator[Indexed]:
    store = open_store(settings)
    yield Indexed(store, tmp_path / "index")
    await store.close()


async def test_with_nothing_committed_since_the_store_is_asked_nothing(indexed: Indexed) -> None:
    task_id = await indexed.record()
    await indexed.sync.load()
    asked = indexed.store.calls.copy()
    for _ in range(3):
        await indexed.sync.load()
        await indexed.sync.sync()
    assert indexed.store.calls == asked
    assert indexed.ids == [task_id]


async def test_syncs_at_the_same_time_ask_once(indexed: Indexed) -> None:
    await indexed.sync.load()
    asked = indexed.store.calls["changes"]
    task_id = await indexed.record()
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(indexed.sync.sync)
    assert indexed.store.calls["changes"] == asked + 1
    assert indexed.ids == [task_id]


async def test_each_sync_takes_in_all_that_was_committed_before_it_whatever_goes_on_meanwhile(
    indexed: Indexed,
) -> None:
    await indexed.sync.load()
    again = UUID(int=7)

    async def write(number: int) -> None:
        for _ in range(10):
            own = await indexed.record()
            await indexed.sync.sync()
            assert own in indexed.ids
            await indexed.delete(own)
            await indexed.sync.sync()
            assert own not in indexed.ids
        await indexed.record(UUID(int=100 + number))

    async def delete_and_record_again() -> None:
        for _ in range(20):
            await indexed.record(again, task_description="the same text")
            await indexed.delete(again)
        await indexed.record(again, task_description="the same text")

    async with anyio.create_task_group() as group:
        group.start_soon(delete_and_record_again)
        for number in range(4):
            group.start_soon(write, number)
    await indexed.sync.sync()
    assert indexed.ids == [again, *(UUID(int=100 + number) for number in range(4))]


async def test_what_is_committed_while_changes_are_read_is_taken_in_by_the_next_sync(
    indexed: Indexed,
) -> None:
    await indexed.sync.load()
    first = await indexed.record()
    indexed.store.before["changes"] = indexed.record
    await indexed.sync.sync()
    assert first in indexed.ids
    await indexed.sync.sync()
    assert len(indexed.ids) == 2


async def test_a_sync_that_failed_is_made_up_for_by_the_next(indexed: Indexed) -> None:
    gone = await indexed.record()
    await indexed.sync.load()
    await indexed.delete(gone)
    task_id = await indexed.record()

    async def fail() -> None:
        raise StoreError("the disk is gone for a moment")

    indexed.store.before["changes"] = fail
    with pytest.raises(StoreError, match="for a moment"):
        await indexed.sync.sync()
    assert indexed.ids == [gone]
    await indexed.sync.sync()
    assert indexed.ids == [task_id]


async def test_an_execution_that_is_deleted_and_recorded_again_has_no_vector(
    indexed: Indexed,
) -> None:
    task_id = await indexed.record()
    await indexed.sync.load()
    await indexed.queue.embed(up_to=10)
    rows = indexed.retriever.rows
    assert (rows.embedded, rows.unembedded) == (1, 0)
    await indexed.delete(task_id)
    await indexed.record(task_id)
    await indexed.sync.sync()
    assert (rows.embedded, rows.unembedded) == (0, 1)
    await indexed.queue.embed(up_to=rows.sequence)
    assert (await indexed.store.vector_state()).unembedded == 0
    assert rows.embedded == 1


async def test_a_row_that_changes_between_the_two_readings_has_its_vector_in_the_end(
    indexed: Indexed, tmp_path: Path
) -> None:
    task_id = await indexed.record()
    await indexed.sync.load()
    await indexed.queue.embed(up_to=10)

    again = Indexed(indexed.store.store, tmp_path / "again")
    again.store.before["vectors"] = lambda: again.record(task_id, outcome="failure")
    await again.sync.load()
    await again.sync.sync()
    await again.queue.embed(again.retriever.rows.sequence)
    snapshot = again.retriever.rows.snapshot(Filters(), NOW)
    assert again.ids == [task_id]
    assert again.retriever.rows.embedded == 1
    assert snapshot.vectors.any()


async def test_a_row_that_changes_while_its_words_are_read_has_them_in_the_end(
    indexed: Indexed,
) -> None:
    task_id = await indexed.record(task_description="polish the chandelier")
    await indexed.sync.load()

    async def change() -> None:
        await indexed.record(task_id, task_description="polish the chandelier", outcome="failure")

    indexed.store.before["texts"] = change
    await indexed.sync.tokenise(10)
    terms = np.array(list(count_terms("chandelier")), np.int64)
    snapshot = indexed.retriever.rows.snapshot(Filters(), NOW)
    assert snapshot.words.rows_with(terms).tolist() == [0]
    assert indexed.ids == [task_id]


async def test_the_texts_of_a_few_changed_executions_are_read_once(indexed: Indexed) -> None:
    await indexed.sync.load()
    await indexed.record(task_description="polish the chandelier")
    await indexed.sync.sync()
    rows = indexed.retriever.rows
    await indexed.queue.embed(rows.sequence)
    await indexed.sync.tokenise(10)
    snapshot = rows.snapshot(Filters(), NOW)
    terms = np.array(list(count_terms("chandelier")), np.int64)
    assert snapshot.words.rows_with(terms).tolist() == [0]
    assert rows.embedded == 1
    assert [
        one.task_description for one in indexed.retriever.summaries.known([rows.sequence]).values()
    ] == ["polish the chandelier"]
    asked = indexed.store.calls
    assert (asked["summaries"], asked["unembedded"], asked["texts"]) == (1, 0, 0)


async def test_a_store_that_was_opened_again_is_read_anew(indexed: Indexed) -> None:
    await indexed.record()
    await indexed.sync.load()
    await indexed.store.store.compact()
    await indexed.record()
    await indexed.sync.sync()
    assert len(indexed.ids) == 2
    assert indexed.sync.loads == 2


async def test_what_is_embedded_while_everything_is_read_anew_is_not_lost(indexed: Indexed) -> None:
    await indexed.sync.load()
    for _ in range(40):
        await indexed.record()
    await indexed.store.store.compact()  # the next sync reads everything
    async with anyio.create_task_group() as group:
        group.start_soon(indexed.queue.embed, 10_000)
        group.start_soon(indexed.sync.sync)
        await indexed.record()
        group.start_soon(indexed.sync.sync)
    await indexed.queue.embed(10_000)
    assert (indexed.retriever.rows.embedded, indexed.retriever.rows.unembedded) == (41, 0)
    assert (await indexed.store.vector_state()).count == 41
