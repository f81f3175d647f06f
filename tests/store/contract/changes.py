"""What derived indexes read: changes since a mark, texts, summaries, and the revision."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import numpy as np
import pytest
from store.contract.helpers import OpenStore, changed, deleted_in, embed, ids_in, rate, record
from store.rows import NOW

from mcp_learning.models.identifiers import description_hash, task_key
from mcp_learning.models.results import ExecutionSummary
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import CODED, Selection


class ChangesContract:
    async def test_the_first_changes_are_complete(self, store: Store) -> None:
        one = await record(
            store,
            task_description="Mend the login",
            outcome="failure",
            repo="acme/shop",
            solution_summary="turn it off",
            recorded_at=NOW - timedelta(microseconds=1),
        )
        two = await record(store, outcome="pending")
        first = await store.changes()
        assert first.complete
        assert (ids_in(first), deleted_in(first)) == ([one.task_id, two.task_id], [])
        rows = first.rows
        assert np.all(np.diff(rows.sequence) > 0)
        assert rows.task_key.tolist() == [task_key(row.task_description) for row in (one, two)]
        assert rows.description_hash.tolist() == [
            description_hash(row.task_description) for row in (one, two)
        ]
        assert rows.timestamp.tolist() == [
            round(row.recorded_at.timestamp() * 10**6) for row in (one, two)
        ]
        assert rows.outcome.tolist() == [1, 2]
        assert rows.confidence.tolist() == [1, 0]
        assert rows.has_solution.tolist() == [True, False]
        assert set(rows.labels) == set(CODED)
        assert rows.labels["repo"].tolist() == ["acme/shop", ""]

    async def test_an_empty_store_has_no_changes(self, store: Store) -> None:
        first = await store.changes()
        assert (first.complete, len(first.rows), len(first.deleted)) == (True, 0, 0)
        second = await store.changes(first.next)
        assert (second.complete, len(second.rows)) == (False, 0)

    async def test_later_changes_tell_what_happened_since(self, store: Store) -> None:
        kept, gone = await record(store), await record(store)
        mark = (await store.changes()).next
        await store.upsert(kept.task_id, changed(outcome="failure"))
        new = await record(store)
        await store.delete(Selection(task_ids=[gone.task_id]))
        since = await store.changes(mark)
        assert not since.complete
        assert ids_in(since) == [kept.task_id, new.task_id]
        assert since.rows.outcome.tolist() == [1, 0]
        assert deleted_in(since) == [gone.task_id]
        after = await store.changes(since.next)
        assert (after.complete, ids_in(after), deleted_in(after)) == (False, [], [])

    async def test_an_id_that_was_deleted_and_recorded_again_is_there(self, store: Store) -> None:
        old = await record(store, repo="a")
        mark = (await store.changes()).next
        await store.delete(Selection(task_ids=[old.task_id]))
        await store.upsert(old.task_id, lambda _: old.model_copy(update={"repo": "b"}))
        since = await store.changes(mark)
        # Deletions apply before the rows.
        assert deleted_in(since) == [old.task_id]
        assert ids_in(since) == [old.task_id]
        assert since.rows.labels["repo"].tolist() == ["b"]

    async def test_a_mark_of_another_opening_gives_everything(
        self, store: Store, open_store: OpenStore
    ) -> None:
        one = await record(store)
        mark = (await store.changes()).next
        await store.close()
        again = await open_store()
        since = await again.changes(mark)
        assert since.complete
        assert (ids_in(since), deleted_in(since)) == ([one.task_id], [])

    async def test_change_numbers_never_repeat(self, store: Store, open_store: OpenStore) -> None:
        one = await record(store)
        last = (await store.changes()).rows.sequence[-1]
        await store.delete(Selection(task_ids=[one.task_id]))
        await store.close()
        again = await open_store()
        await record(again)
        assert (await again.changes()).rows.sequence[0] > last

    async def test_texts_are_those_of_the_change_number(self, store: Store) -> None:
        one = await record(store, solution_summary="b", error_type="C", error_message="d")
        two = await record(store)
        rows = (await store.changes()).rows
        first, second = rows.sequence.tolist()
        (found,) = await store.texts([first])
        assert found.text_hash == rows.text_hash[0]
        assert found.texts == (one.task_description, "b", "C", "d")
        await store.upsert(two.task_id, changed(solution_summary="else"))
        assert await store.texts([second]) == []
        assert (await store.changes()).rows.text_hash[1] != rows.text_hash[1]
        assert await store.texts([]) == []

    async def test_summaries_are_those_that_exist(self, store: Store) -> None:
        one = await record(store, approach="a", cost_usd=1.5)
        found = await store.summaries([one.task_id, uuid4()])
        assert list(found) == [one.task_id]
        shown = found[one.task_id]
        assert shown.sequence == (await store.changes()).rows.sequence[0]
        names = ExecutionSummary.model_fields
        assert shown.summary() == {name: getattr(one, name) for name in names}
        assert await store.summaries([]) == {}

    async def test_the_latest_summaries_leave_long_ones_out(self, store: Store) -> None:
        await record(store)
        two = await record(store)
        await record(store, task_description="long " * 100)
        three = await record(store)
        assert list(await store.latest_summaries(3, 100)) == [two.task_id, three.task_id]

    @pytest.mark.parametrize(
        "write",
        [
            lambda store, one: store.upsert(one, changed(repo="b")),
            lambda store, _: record(store),
            lambda store, one: rate(store, one, rating=5),
            lambda store, one: store.delete(Selection(task_ids=[one])),
        ],
        ids=["change", "new", "feedback", "deletion"],
    )
    async def test_the_revision_changes_with_what_searches_read(
        self, store: Store, write: Callable[..., Awaitable[object]]
    ) -> None:
        one = await record(store)
        before = store.revision
        assert store.revision == before
        await write(store, one.task_id)
        assert store.revision != before

    async def test_the_revision_stays_when_nothing_changed_that_searches_read(
        self, store: Store
    ) -> None:
        used = await record(store)
        one = await record(store, used=[used.task_id])
        before = store.revision
        await embed(store, 0)
        await store.add_recalls({one.task_id: 1}, NOW)
        await store.upsert(one.task_id, changed(), [used.task_id])
        await store.delete(Selection(task_ids=[uuid4()]))
        await store.get(one.task_id)
        await store.changes()
        assert store.revision == before

    async def test_deletions_count_what_left_the_store(self, store: Store) -> None:
        ids = [(await record(store)).task_id for _ in range(3)]
        before = store.deletions
        await store.delete(Selection(task_ids=[ids[0], uuid4()]))
        await store.delete(Selection(task_ids=ids[1:]), dry_run=True)
        assert store.deletions == before + 1

    async def test_the_revision_is_another_after_opening_again(
        self, store: Store, open_store: OpenStore
    ) -> None:
        await store.open()
        before = store.revision
        await store.close()
        again = await open_store()
        await again.open()
        await record(again)
        assert again.revision != before
