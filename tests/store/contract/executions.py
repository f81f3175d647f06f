"""Executions one by one: creating, changing, feedback, uses, deletion, closing."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from store.contract.helpers import EVER, OpenStore, changed, embed, get, rate, record
from store.rows import NOW, execution

from mcp_learning.errors import StoreError
from mcp_learning.models.results import Execution, Feedback, UsedBy
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Deletion, Selection, Upserted, Vote

LATER = NOW + timedelta(hours=1)


class RefusedError(Exception):
    """Raised by callbacks."""


def refuse(_: Execution | None) -> Execution:
    raise RefusedError


class ExecutionContract:
    async def test_what_merge_returns_for_nothing_is_created(self, store: Store) -> None:
        seen: list[Execution | None] = []
        new = execution(repo="acme/shop", metadata={"a": [1, None]}, cost_usd=0.25)

        def merge(stored: Execution | None) -> Execution:
            seen.append(stored)
            return new

        assert await store.upsert(new.task_id, merge) == Upserted(created=True, missing=[])
        assert seen == [None]
        found = await get(store, new.task_id)
        assert found.execution == new
        assert (found.feedback, found.used_task_ids, found.used_by) == ([], [], [])
        assert (found.vote, found.times_recalled) == (Vote(0, 0), 0)

    async def test_without_an_id_merge_names_the_new_execution(self, store: Store) -> None:
        new = execution()
        assert (await store.upsert(None, lambda _: new)).created
        assert (await get(store, new.task_id)).execution == new

    async def test_merge_changes_what_is_stored(self, store: Store) -> None:
        old = await record(store, approach="a")
        done = await store.upsert(old.task_id, changed(approach="b", updated_at=LATER))
        assert done == Upserted(created=False, missing=[])
        found = await get(store, old.task_id)
        assert found.execution == old.model_copy(update={"approach": "b", "updated_at": LATER})

    async def test_what_merge_raises_reaches_the_caller_and_nothing_is_written(
        self, store: Store
    ) -> None:
        earlier = await record(store)
        task_id = uuid4()
        revision = store.revision
        with pytest.raises(RefusedError):
            await store.upsert(task_id, refuse, [earlier.task_id])
        assert await store.get(task_id) is None
        assert (await store.use_counts(EVER)).links == 0
        assert store.revision == revision

    async def test_uses_are_noted_once_and_seen_from_both_ends(self, store: Store) -> None:
        earlier, later = await record(store), execution(outcome="failure")
        for _ in range(2):
            used = [earlier.task_id, earlier.task_id]
            await store.upsert(later.task_id, lambda stored: stored or later, used, NOW)
        found, user = await get(store, earlier.task_id), await get(store, later.task_id)
        assert found.used_by == [UsedBy(task_id=later.task_id, outcome="failure")]
        assert user.used_task_ids == [earlier.task_id]
        assert (await store.use_counts(EVER)).links == 1

    async def test_with_a_missing_use_nothing_is_written(self, store: Store) -> None:
        earlier, new, absent = await record(store), execution(), uuid4()
        revision = store.revision
        done = await store.upsert(new.task_id, lambda _: new, [earlier.task_id, absent])
        assert done == Upserted(created=False, missing=[absent])
        assert (await store.updated([new.task_id, earlier.task_id])).keys() == {earlier.task_id}
        assert (await store.use_counts(EVER)).links == 0
        assert store.revision == revision

    async def test_feedback_is_appended_once_per_id_oldest_first(self, store: Store) -> None:
        about, identity = await record(store), uuid4()
        second = Feedback(submitted_at=LATER, rating=4, comment="it's fine")
        first = Feedback(submitted_at=NOW, accepted=False, issue_type="too_slow")
        for _ in range(2):
            assert await store.add_feedback(about.task_id, identity, second, lambda _: None) == 1
        assert await store.add_feedback(about.task_id, uuid4(), first, lambda _: None) == 2
        assert (await get(store, about.task_id)).feedback == [first, second]

    async def test_feedback_on_nothing_is_not_stored(self, store: Store) -> None:
        given = Feedback(submitted_at=NOW, rating=1)
        assert await store.add_feedback(uuid4(), uuid4(), given, lambda _: None) is None

    async def test_a_check_sees_the_execution_and_can_refuse_feedback(self, store: Store) -> None:
        about = await record(store)
        seen: list[Execution] = []

        def check(found: Execution) -> None:
            seen.append(found)
            raise RefusedError

        with pytest.raises(RefusedError):
            await store.add_feedback(
                about.task_id, uuid4(), Feedback(submitted_at=NOW, rating=1), check
            )
        assert seen == [about]
        assert (await get(store, about.task_id)).feedback == []

    async def test_everything_recorded_about_a_deleted_execution_is_gone(
        self, store: Store
    ) -> None:
        earlier = await record(store)
        gone = await record(store, used=[earlier.task_id])
        later = await record(store, used=[gone.task_id])
        await embed(store, 0, 1, 2)
        await rate(store, gone.task_id, helpful=True)
        await store.add_recalls({gone.task_id: 3}, NOW)

        done = await store.delete(Selection(task_ids=[gone.task_id]))

        assert done == Deletion([gone.task_id], [], [])
        assert await store.get(gone.task_id) is None
        assert (await store.vector_state()).count == 2
        counts = await store.use_counts(EVER)
        assert (counts.links, counts.recalls) == (0, 0)
        assert gone.task_id not in await store.votes()
        again = gone.model_copy()
        await store.upsert(gone.task_id, lambda _: again)
        found = await get(store, gone.task_id)
        assert (found.feedback, found.used_by, found.used_task_ids) == ([], [], [])
        assert found.times_recalled == 0
        assert [row.task_id for row in await store.unembedded(9)] == [gone.task_id]
        others = {earlier.task_id, later.task_id}
        assert (await store.updated(list(others))).keys() == others

    async def test_a_dry_run_names_the_same_and_deletes_nothing(self, store: Store) -> None:
        kept, absent = await record(store), uuid4()
        selection = Selection(task_ids=[absent, kept.task_id, kept.task_id])
        revision = store.revision
        previewed = await store.delete(selection, dry_run=True)
        assert await store.get(kept.task_id) is not None
        assert store.revision == revision
        expected = Deletion([kept.task_id], [absent], [])
        assert previewed == await store.delete(selection) == expected

    @pytest.mark.parametrize(
        ("selection", "chosen"),
        [
            (Selection(repo="a"), {0, 1}),
            (Selection(task_type="test"), {1, 2}),
            (Selection(repo="a", task_type="test"), {1}),
            (Selection(before=NOW - timedelta(days=1)), {2}),
            (Selection(repo="a", before=NOW - timedelta(days=1)), set()),
            (Selection(generated=True), {2}),
            (Selection(), {0, 1, 2}),
        ],
    )
    async def test_a_deletion_takes_what_passes_every_given_filter(
        self, store: Store, selection: Selection, chosen: set[int]
    ) -> None:
        rows = [
            await record(store, repo="a", recorded_at=NOW, metadata={"generated": True}),
            await record(store, repo="a", task_type="test", recorded_at=NOW - timedelta(days=1)),
            await record(
                store,
                repo="b",
                task_type="test",
                recorded_at=NOW - timedelta(days=2),
                task_id=UUID("00000000-0000-8000-8000-000000000000"),
                metadata={"generated": True},
            ),
        ]
        assert set((await store.delete(selection)).task_ids) == {rows[i].task_id for i in chosen}
        left = {row.task_id for i, row in enumerate(rows) if i not in chosen}
        assert (await store.updated([row.task_id for row in rows])).keys() == left

    async def test_suggestions_complete_a_prefix_commonest_first(self, store: Store) -> None:
        for repo in ("acme/shop", "Acme/blog", "acme/shop", "other", None):
            await record(store, repo=repo)
        assert await store.suggest("repo", "ACME/", 9) == ["acme/shop", "Acme/blog"]
        assert await store.suggest("repo", "", 1) == ["acme/shop"]
        assert await store.suggest("error_type", "", 9) == []

    async def test_what_was_acknowledged_is_there_after_opening_again(
        self, store: Store, open_store: OpenStore
    ) -> None:
        kept = await record(store)
        await store.close()
        assert store.closing
        again = await open_store()
        assert (await get(again, kept.task_id)).execution == kept

    async def test_a_closed_store_refuses_every_call(self, store: Store) -> None:
        assert not store.closing
        await store.open()
        await store.close()
        await store.close()
        assert store.closing
        with pytest.raises(StoreError, match="closed"):
            await store.health()
        with pytest.raises(StoreError, match="closed"):
            await record(store)
