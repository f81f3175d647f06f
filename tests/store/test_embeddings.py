"""Vectors: the queue that needs no table, versions that never repeat, reading in bulk."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from store.rows import execution, migrated

from mcp_learning.store.duckdb import bulk, embeddings, executions, feed
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.vectors import Generation

Vectors = NDArray[np.float32]

FEW, MANY = 4, 70


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[Cursor]:
    with migrated(tmp_path / "learning.duckdb") as cursor:
        yield cursor


def record(cursor: Cursor, count: int) -> list[UUID]:
    rows = [execution(task_description=f"task {number}") for number in range(count)]
    for row in rows:
        executions.insert(cursor, row)
    return [row.task_id for row in rows]


def some_vectors(count: int, dimension: int = 384) -> Vectors:
    vectors = np.random.default_rng(count).standard_normal((count, dimension), np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def embed(cursor: Cursor, limit: int = 10_000) -> dict[UUID, int]:
    rows = embeddings.unembedded(cursor, limit)
    return embeddings.store(cursor, rows, some_vectors(len(rows)), "model")


def stored(cursor: Cursor) -> dict[UUID, list[float]]:
    rows = cursor.execute("SELECT task_id, embedding::FLOAT[] FROM embeddings").fetchall()
    return dict(rows)


def known(cursor: Cursor) -> dict[int, int]:
    """The version of the vector of each execution, by change number."""
    found = embeddings.versions(cursor)
    return dict(zip(found["sequence"].tolist(), found["version"].tolist(), strict=True))


def in_bulk(cursor: Cursor, chunk: int = MANY // 2) -> dict[int, list[float]]:
    """What `read_into` gives, by version: each of them once, with its execution's number."""
    parts: list[tuple[NDArray[np.int64], Vectors]] = []
    numbers: dict[int, int] = {}

    def take(
        some: NDArray[np.int64],
        versions: NDArray[np.int64],
        vectors: Vectors,
        _passages: NDArray[np.int64],
    ) -> None:
        numbers.update(zip(versions.tolist(), some.tolist(), strict=True))
        parts.append((versions, vectors))

    count = embeddings.read_into(cursor, take, chunk)
    assert count == len(numbers)
    assert numbers == {version: number for number, version in known(cursor).items()}
    assert all(versions.dtype == np.int64 for versions, _ in parts)
    assert all(vectors.dtype == np.float32 for _, vectors in parts)
    assert all(len(versions) == len(vectors) > 0 for versions, vectors in parts)
    versions = [version for part, _ in parts for version in part.tolist()]
    assert len(set(versions)) == len(versions)
    return dict(zip(versions, [row for _, part in parts for row in part.tolist()], strict=True))


def change(cursor: Cursor, task_id: UUID) -> None:
    changed = execution(task_id=task_id, task_description="another task")
    executions.update(cursor, changed)


def test_the_queue_is_the_executions_without_a_vector_oldest_change_first(cursor: Cursor) -> None:
    ids = record(cursor, 5)
    change(cursor, ids[0])
    queue = embeddings.unembedded(cursor, 10)
    assert [row.task_id for row in queue] == [*ids[1:], ids[0]]
    assert queue[-1].task_description == "another task"
    assert [row.task_id for row in embeddings.unembedded(cursor, 2)] == ids[1:3]
    assert embed(cursor, 2).keys() == set(ids[1:3])
    assert embeddings.counts(cursor) == (2, 3)
    embeddings.remove(cursor, ids[1])
    assert [row.task_id for row in embeddings.unembedded(cursor, 10)] == [
        ids[1],
        ids[3],
        ids[4],
        ids[0],
    ]


@pytest.mark.parametrize("count", [FEW, MANY])
def test_what_was_changed_deleted_or_embedded_after_it_was_read_is_not_stored(
    cursor: Cursor, count: int
) -> None:
    changed, deleted, embedded, *rest = record(cursor, count)
    rows = embeddings.unembedded(cursor, count)
    change(cursor, changed)
    executions.delete(cursor, [deleted])
    first = embeddings.store(
        cursor, [row for row in rows if row.task_id == embedded], some_vectors(1), "model"
    )
    assert embeddings.store(cursor, rows, some_vectors(count), "model").keys() == set(rest)
    assert stored(cursor).keys() == {embedded, *rest}
    assert stored(cursor)[embedded] == some_vectors(1)[0].tolist()
    assert min(embed(cursor)) == changed
    assert first.keys() == {embedded}


@pytest.mark.parametrize("count", [1, FEW, MANY])
def test_each_execution_gets_its_own_vector_exactly(cursor: Cursor, count: int) -> None:
    record(cursor, count)
    rows, vectors = embeddings.unembedded(cursor, count), some_vectors(count)
    answer = embeddings.store(cursor, rows, vectors, "model")
    expected = {row.task_id: vector.tolist() for row, vector in zip(rows, vectors, strict=True)}
    assert stored(cursor) == expected
    by_version = in_bulk(cursor)
    assert {task_id: by_version[version] for task_id, version in answer.items()} == expected
    assert list(answer.values()) == sorted(answer.values())
    assert embeddings.model(cursor) == "model"


def test_versions_grow_and_never_repeat(cursor: Cursor) -> None:
    seen: list[int] = []
    for count in (FEW, MANY, 1, MANY):
        ids = record(cursor, count)
        versions = list(embed(cursor).values())
        assert len(versions) == count
        assert min(versions) > max(seen, default=0)
        seen += versions
        executions.delete(cursor, ids)
    assert len(set(seen)) == len(seen)


def test_an_empty_table_has_a_dimension_but_no_model(cursor: Cursor) -> None:
    assert embeddings.dimension(cursor) == 384
    assert embeddings.model(cursor) is None
    assert in_bulk(cursor) == {}
    assert known(cursor) == {}


@pytest.mark.parametrize("count", [FEW, MANY])
def test_a_second_table_of_another_dimension_takes_the_place_of_the_first(
    cursor: Cursor, count: int
) -> None:
    ids = record(cursor, count)
    before = embed(cursor)
    embeddings.reset(cursor, 5, "next")
    rows = embeddings.unembedded(cursor, 100, generation="next")
    assert [row.task_id for row in rows] == ids
    vectors = some_vectors(count, 5)
    answer = embeddings.store(cursor, rows, vectors, "other", "next")
    assert embeddings.dimension(cursor) == 384
    assert embeddings.counts(cursor, "next") == (count, 0)
    assert embeddings.model(cursor, "next") == "other"
    embeddings.adopt_next(cursor, 5)
    assert embeddings.dimension(cursor) == 5
    assert embeddings.model(cursor, "next") is None
    assert embeddings.model(cursor) == "other"
    assert answer == before  # so that searches go on while tables change
    assert stored(cursor) == dict(zip(ids, vectors.tolist(), strict=True))


def test_a_table_made_again_is_empty_and_the_queue_full(cursor: Cursor) -> None:
    record(cursor, 3)
    embed(cursor)
    embeddings.reset(cursor, 5)
    assert embeddings.counts(cursor) == (0, 3)


def test_a_vector_is_taken_away_from_both_tables(cursor: Cursor) -> None:
    changed, _ = record(cursor, 2)
    embeddings.reset(cursor, 5, "next")
    rows = embeddings.unembedded(cursor, 2)
    embeddings.store(cursor, rows, some_vectors(2), "model")
    embeddings.store(cursor, rows, some_vectors(2, 5), "other", "next")
    embeddings.remove(cursor, changed)
    generations: tuple[Generation, ...] = ("current", "next")
    for generation in generations:
        queue = embeddings.unembedded(cursor, 2, generation=generation)
        assert [row.task_id for row in queue] == [changed]


def test_each_version_leads_to_its_execution(cursor: Cursor) -> None:
    ids = record(cursor, MANY)
    versions = embed(cursor)
    change(cursor, ids[0])  # its vector stays until it is taken away
    executions.delete(cursor, ids[1:2])
    found = known(cursor)
    current = feed.read(cursor)
    ids_by_sequence = {
        sequence: UUID(int=high << 64 | low)
        for sequence, high, low in zip(
            *(one.tolist() for one in (current.sequence, current.high, current.low)), strict=True
        )
    }
    assert {ids_by_sequence[sequence]: version for sequence, version in found.items()} == {
        task_id: version for task_id, version in versions.items() if task_id != ids[1]
    }


@pytest.mark.parametrize("chunk", [1_000, embeddings.CHUNK])
@pytest.mark.parametrize("count", [1, MANY, 9_000])
def test_reading_in_bulk_gives_each_vector_once_exactly(
    cursor: Cursor, count: int, chunk: int
) -> None:
    embeddings.reset(cursor, 5)
    rows, vectors = [execution() for _ in range(count + 2)], some_vectors(count + 2, 5)
    bulk.insert(cursor, rows, vectors, "model")
    executions.delete(cursor, [row.task_id for row in rows[:2]])
    assert sorted(in_bulk(cursor, chunk).values()) == sorted(vectors[2:].tolist())
