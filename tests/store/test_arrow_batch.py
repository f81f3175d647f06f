"""Batches of rows that DuckDB reads from Python's memory."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import duckdb
import numpy as np
import pytest

from mcp_learning.store.duckdb.arrow_batch import ArrowBatch


def test_arrays_become_columns_of_their_numbers_bit_for_bit() -> None:
    vectors = np.random.default_rng(0).standard_normal((5_000, 7)).astype(np.float32)
    versions = np.arange(5_000, dtype=np.int64) * 2**40
    with duckdb.connect() as connection:
        connection.register("batch", ArrowBatch({"version": versions, "embedding": vectors}))
        connection.execute("CREATE TABLE vectors AS FROM batch")
        kinds = connection.execute("SELECT typeof(version), typeof(embedding) FROM vectors")
        assert kinds.fetchone() == ("BIGINT", "FLOAT[7]")
        found = connection.execute("FROM vectors ORDER BY version").fetchnumpy()
    assert np.array_equal(found["version"], versions)
    assert np.array_equal(np.stack(list(found["embedding"])), vectors)


@pytest.mark.parametrize("part", [slice(100, 200), slice(None, None, 3), slice(None, None, -1)])
def test_a_part_of_an_array_is_that_part(part: slice) -> None:
    vectors = np.arange(6_000, dtype=np.float32).reshape(-1, 3)
    versions = np.arange(2_000, dtype=np.int64)
    with duckdb.connect() as connection:
        batch = ArrowBatch({"version": versions[part], "embedding": vectors[part]})
        connection.register("batch", batch)
        rows = connection.execute("FROM batch").fetchall()
    expected = zip(versions[part].tolist(), map(tuple, vectors[part].tolist()), strict=True)
    assert rows == list(expected)


def test_values_and_absent_ones_arrive_as_their_types_cast_them() -> None:
    task_id, moment = uuid4(), datetime(2026, 3, 1, 12, 30, 15, 123_456)
    columns: dict[str, list[Any]] = {
        "id": [task_id, None],
        "time": [moment, None],
        "count": [2**31 - 1, None],
        "key": [-(2**62), None],
        "rate": [0.1, None],
        "done": [True, None],
        "text": ["é\n✓", None],
        "never": [None, None],
    }
    types = {"count": "INTEGER", "key": "BIGINT", "rate": "DOUBLE", "done": "BOOLEAN"}
    with duckdb.connect() as connection:
        connection.register("batch", ArrowBatch(columns, types))
        rows = connection.execute(
            "SELECT id::UUID, time::TIMESTAMP, count, key, rate, done, text, never::DOUBLE "
            "FROM batch"
        ).fetchall()
    assert rows == [(task_id, moment, 2**31 - 1, -(2**62), 0.1, True, "é\n✓", None), (None,) * 8]


def test_a_batch_can_be_read_more_than_once() -> None:
    with duckdb.connect() as connection:
        connection.register("batch", ArrowBatch({"number": np.arange(3, dtype=np.int64)}))
        for _ in range(2):
            assert connection.execute("SELECT sum(number) FROM batch").fetchall() == [(3,)]
