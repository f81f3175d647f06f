"""Vectors: the queue, versions, generations."""

from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from store.contract.helpers import DIMENSION, MODEL, OpenStore, changed, embed, get, record, units
from store.rows import execution

from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Selection
from mcp_learning.store.vectors import VectorState


async def stored(store: Store, passage: int = 0) -> dict[int, tuple[int, list[float]]]:
    """Of the passages of this number by version: the execution's change number, and the vector."""
    found: dict[int, tuple[int, list[float]]] = {}
    others: set[int] = set()

    def take(
        numbers: NDArray[np.int64],
        versions: NDArray[np.int64],
        vectors: NDArray[np.float32],
        passages: NDArray[np.int64],
    ) -> None:
        assert vectors.dtype == np.float32
        assert len(numbers) == len(versions) == len(vectors) == len(passages)
        for number, version, vector in zip(numbers, versions, vectors, strict=True):
            found[int(version)] = int(number), vector.tolist()
        others.update(versions[passages != passage].tolist())

    assert await store.vectors(take) == len(found)
    return {version: one for version, one in found.items() if version not in others}


async def queue(store: Store) -> list[UUID]:
    return [row.task_id for row in await store.unembedded(99)]


class VectorContract:
    async def test_a_new_execution_waits_for_its_vector(self, store: Store) -> None:
        assert await store.vector_state() == VectorState(None, DIMENSION, 0, 0)
        one = await record(store, task_description="mend it")
        (row,) = await store.unembedded(9)
        assert (row.task_id, row.task_description) == (one.task_id, "mend it")
        assert [row.sequence] == (await store.changes()).rows.sequence.tolist()
        assert await store.vector_state() == VectorState(None, DIMENSION, 0, 1)

    async def test_the_queue_is_oldest_change_first(self, store: Store) -> None:
        rows = [await record(store) for _ in range(3)]
        await store.upsert(rows[0].task_id, changed(repo="b"))
        order = [rows[i].task_id for i in (1, 2, 0)]
        assert await queue(store) == order
        assert [row.task_id for row in await store.unembedded(2)] == order[:2]
        last = (await store.changes()).rows.sequence[-1]
        (found,) = await store.unembedded(9, numbers=[int(last)])
        assert found.task_id == rows[0].task_id

    async def test_stored_vectors_are_read_with_their_versions(self, store: Store) -> None:
        rows = [await record(store) for _ in range(3)]
        versions = await embed(store, 2, 0, 1)
        assert list(versions) == [row.task_id for row in rows]
        assert sorted(versions.values()) == list(versions.values())
        numbers = (await store.changes()).rows.sequence.tolist()
        vectors = units(2, 0, 1).tolist()
        assert await stored(store) == {
            version: (number, vector)
            for version, number, vector in zip(versions.values(), numbers, vectors, strict=True)
        }
        assert await store.vector_state() == VectorState(MODEL, DIMENSION, 3, 0)
        middle = list(versions.values())[1]
        assert [await store.count_vectors(n) for n in (0, middle, middle + 99)] == [0, 2, 3]

    async def test_rows_that_changed_meanwhile_are_left_out(self, store: Store) -> None:
        rows = [await record(store) for _ in range(4)]
        taken = await store.unembedded(9)
        await store.upsert(rows[0].task_id, changed(task_description="else"))
        await store.delete(Selection(task_ids=[rows[1].task_id]))
        await store.put_vectors(taken[2:3], units(2), MODEL)
        versions = await store.put_vectors(taken, units(0, 1, 2, 3), MODEL)
        assert list(versions) == [rows[3].task_id]
        assert await queue(store) == [rows[0].task_id]
        assert await store.put_vectors([], units(), MODEL) == {}

    async def test_a_changed_description_drops_the_vector_and_nothing_else_does(
        self, store: Store
    ) -> None:
        one = await record(store)
        await embed(store, 0)
        await store.upsert(one.task_id, changed(repo="b", outcome="failure"))
        assert await queue(store) == []
        await store.upsert(one.task_id, changed(task_description="mend the logout"))
        assert await queue(store) == [one.task_id]
        assert await stored(store) == {}

    async def test_versions_never_repeat(self, store: Store, open_store: OpenStore) -> None:
        one = await record(store)
        (first,) = (await embed(store, 0)).values()
        await store.delete(Selection(task_ids=[one.task_id]))
        await store.close()
        again = await open_store()
        await record(again)
        (second,) = (await embed(again, 0)).values()
        assert second > first

    async def test_the_next_generation_is_filled_beside_the_current_one(self, store: Store) -> None:
        rows = [await record(store) for _ in range(2)]
        versions = await embed(store, 0, 1)
        await store.reset_vectors(8, "next")
        assert await store.vector_state("next") == VectorState(None, 8, 0, 2)
        waiting = await store.unembedded(9, generation="next")
        assert [row.task_id for row in waiting] == [row.task_id for row in rows]
        made = await store.put_vectors(waiting, units(3, 4, dimension=8), "other", "next")
        assert set(made) == {row.task_id for row in rows}
        assert await store.vector_state() == VectorState(MODEL, DIMENSION, 2, 0)
        assert set(await stored(store)) == set(versions.values())

        late = await record(store)
        await store.adopt_vectors(8)

        assert await store.vector_state() == VectorState("other", 8, 2, 1)
        assert await store.vector_state("next") == VectorState(None, 8, 0, 3)
        vectors = [vector for _, vector in (await stored(store)).values()]
        assert sorted(vectors) == sorted(units(3, 4, dimension=8).tolist())
        assert await queue(store) == [late.task_id]

    async def test_a_generation_can_be_emptied_for_another_dimension(self, store: Store) -> None:
        one = await record(store)
        await embed(store, 0)
        await store.reset_vectors(16)
        assert await store.vector_state() == VectorState(None, 16, 0, 1)
        assert await queue(store) == [one.task_id]

    async def test_many_are_inserted_with_their_vectors_or_without(self, store: Store) -> None:
        rows = [execution() for _ in range(3)]
        await store.insert_many(rows, units(0, 1, 2), MODEL)
        assert await store.vector_state() == VectorState(MODEL, DIMENSION, 3, 0)
        more = [execution(), execution()]
        await store.insert_many(more)
        assert await queue(store) == [row.task_id for row in more]
        for row in (*rows, *more):
            assert (await get(store, row.task_id)).execution == row

    async def test_passages_are_kept_with_the_vector_of_their_execution(self, store: Store) -> None:
        rows = [await record(store) for _ in range(3)]
        waiting = await store.unembedded(9)
        further = [units(5, 6), units(), units(7)]
        versions = await store.put_vectors(
            waiting, units(0, 1, 2), MODEL, passages=[further[0], further[1], further[2]]
        )
        last = max(versions.values())
        first, _, third = (await store.changes()).rows.sequence.tolist()
        assert await stored(store, 1) == {
            last + 1: (first, units(5)[0].tolist()),
            last + 3: (third, units(7)[0].tolist()),
        }
        assert await stored(store, 2) == {last + 2: (first, units(6)[0].tolist())}
        assert await store.vector_state() == VectorState(MODEL, DIMENSION, 3, 0)
        assert await store.count_vectors(last + 99) == 6
        await store.upsert(rows[0].task_id, changed(task_description="else"))
        await store.delete(Selection(task_ids=[rows[2].task_id]))
        assert await store.count_vectors(last + 99) == 1

    async def test_passages_are_part_of_their_generation(self, store: Store) -> None:
        await record(store)
        (row,) = await store.unembedded(9)
        await store.put_vectors([row], units(0), MODEL, passages=[units(1, 2)])
        await store.reset_vectors(8, "next")
        fresh = units(3, dimension=8)
        await store.put_vectors([row], fresh, "other", "next", [units(4, dimension=8)])
        assert len(await stored(store, 2)) == 1
        await store.adopt_vectors(8)
        assert [vector for _, vector in (await stored(store, 1)).values()] == units(
            4, dimension=8
        ).tolist()
        assert await stored(store, 2) == {}
        await store.reset_vectors(16)
        assert await store.count_vectors(2**62) == 0
