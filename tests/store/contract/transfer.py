"""Import and export."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from store.contract.helpers import EVER, MODEL, embed, get, rate, record, units
from store.rows import NOW

from mcp_learning.models.transfer import PastExecution, PastFeedback, PastUse, PastValues
from mcp_learning.store.file_maintenance import FileMaintenance
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import BatchCounts, Incoming

LATER = NOW + timedelta(hours=1)


def incoming(
    task_id: UUID | None = None,
    updated_at: datetime | None = None,
    given: bool = True,
    feedback: tuple[PastFeedback, ...] = (),
    uses: tuple[PastUse, ...] = (),
    **values: Any,
) -> Incoming:
    fields = {"task_type": "bug_fix", "task_description": "mend it", "outcome": "success"} | values
    past = PastExecution(
        task_id=task_id or uuid4(),
        execution=PastValues.model_validate(fields),
        recorded_at=NOW,
        updated_at=updated_at,
        feedback=list(feedback),
        uses=list(uses),
    )
    times = {"recorded_at": NOW, "updated_at": updated_at or NOW}
    return Incoming(past, {**fields, **times} if given else None)


class TransferContract:
    async def test_nothing_at_all_is_taken_by_every_verb_that_takes_many(
        self, store: Store
    ) -> None:
        await record(store)
        for dry_run in (True, False):
            assert await store.import_batch([], dry_run=dry_run) == BatchCounts(0, 0, 0)
        await store.insert_many([])
        await store.insert_many([], units(), MODEL)
        await store.add_recalls({}, NOW)
        assert await store.put_vectors([], units(), MODEL) == {}
        assert await store.unembedded(9, numbers=[]) == []
        assert await store.texts([]) == []
        assert await store.summaries([]) == {}
        assert await store.updated([]) == {}
        assert await store.similar_successes([], nearest=3, least=0.5) == {}
        if isinstance(store, FileMaintenance):
            await store.archive([], None)
        assert (await store.health()).rows == 1

    async def test_an_import_is_stored_once(self, store: Store) -> None:
        used = incoming()
        opinion = PastFeedback(feedback_id=uuid4(), submitted_at=NOW, rating=5)
        use = PastUse(task_id=used.record.task_id, recorded_at=NOW)
        one = incoming(feedback=(opinion,), uses=(use,))
        assert await store.import_batch([used, one]) == BatchCounts(2, 0, 0)
        assert await store.import_batch([used, one, one]) == BatchCounts(0, 0, 3)
        found = await get(store, one.record.task_id)
        assert [given.rating for given in found.feedback] == [5]
        assert found.used_task_ids == [used.record.task_id]
        assert (await store.use_counts(EVER)).links == 1

    async def test_only_a_later_change_at_the_source_replaces(self, store: Store) -> None:
        one = incoming()
        await store.import_batch([one])
        task_id = one.record.task_id
        same = incoming(task_id, NOW, approach="same")
        later = incoming(task_id, LATER, approach="later")
        assert await store.import_batch([same]) == BatchCounts(0, 0, 1)
        assert await store.import_batch([later]) == BatchCounts(0, 1, 0)
        assert await store.import_batch([later]) == BatchCounts(0, 0, 1)
        assert (await get(store, task_id)).execution.approach == "later"
        assert await store.updated([task_id, uuid4()]) == {task_id: LATER}
        assert await store.updated([]) == {}

    async def test_an_import_that_changes_a_description_drops_its_vector(
        self, store: Store
    ) -> None:
        one = incoming()
        await store.import_batch([one])
        await embed(store, 0)
        await store.import_batch([incoming(one.record.task_id, LATER, approach="b")])
        assert (await store.vector_state()).model == MODEL
        again = NOW + timedelta(hours=2)
        await store.import_batch([incoming(one.record.task_id, again, task_description="else")])
        assert (await store.vector_state()).unembedded == 1

    async def test_an_id_that_is_twice_in_a_batch_takes_its_records_in_order(
        self, store: Store
    ) -> None:
        one = incoming(approach="first")
        batch = [one, incoming(one.record.task_id, LATER, approach="second"), one]
        assert await store.import_batch(batch) == BatchCounts(1, 1, 1)
        assert (await get(store, one.record.task_id)).execution.approach == "second"

    async def test_without_its_fields_only_feedback_is_taken_and_only_if_it_exists(
        self, store: Store
    ) -> None:
        there = await record(store)
        opinion = PastFeedback(feedback_id=uuid4(), submitted_at=NOW, rating=5)
        other = PastFeedback(feedback_id=uuid4(), submitted_at=NOW, rating=1)
        batch = [
            incoming(there.task_id, given=False, feedback=(opinion,)),
            incoming(given=False, feedback=(other,)),
        ]
        assert await store.import_batch(batch) == BatchCounts(0, 0, 2)
        assert [given.rating for given in (await get(store, there.task_id)).feedback] == [5]
        assert (await store.health()).rows == 1

    async def test_a_dry_run_counts_the_same_and_stores_nothing(self, store: Store) -> None:
        there = incoming()
        await store.import_batch([there])
        batch = [incoming(), incoming(there.record.task_id, LATER), there]
        revision = store.revision
        counts = await store.import_batch(batch, dry_run=True)
        assert (await store.health()).rows == 1
        assert store.revision == revision
        assert counts == await store.import_batch(batch) == BatchCounts(1, 1, 1)

    async def test_export_pages_resume_in_the_order_of_the_last_change(self, store: Store) -> None:
        rows = [await record(store, approach=f"number {n}") for n in range(5)]
        first = await store.export_page(0, 2)
        assert first.total == 5
        await store.upsert(rows[0].task_id, lambda _: rows[0].model_copy(update={"repo": "a"}))
        order, after = [row["task_id"] for row in first.rows], first.last
        while (page := await store.export_page(after, 2)).rows:
            order += [row["task_id"] for row in page.rows]
            after = page.last
        # What changed since its page was read comes again.
        assert order == [str(rows[n].task_id) for n in (0, 1, 2, 3, 4, 0)]
        assert page.last == after

    async def test_an_exported_execution_has_its_values_feedback_and_uses(
        self, store: Store
    ) -> None:
        used = await record(store)
        one = await record(store, repo="a", metadata={"a": 1}, used=[used.task_id])
        await rate(store, one.task_id, rating=5, comment="fine")
        _, row = (await store.export_page(0, 9)).rows
        assert [use["task_id"] for use in row.pop("uses")] == [str(used.task_id)]
        (feedback,) = row.pop("feedback")
        assert (feedback["rating"], feedback["comment"]) == (5, "fine")
        assert row == one.model_dump(mode="json", exclude_none=True)

    async def test_the_health_counts_what_is_stored(self, store: Store) -> None:
        await record(store)
        await record(store)
        await embed(store, 0)
        health = await store.health()
        assert (health.rows, health.embedded, health.unembedded) == (2, 1, 1)
        assert health.bytes > 0
