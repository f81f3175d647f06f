"""Parquet files and DuckDB databases become executions."""

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from clients.transfer.reading import TASK_ID, THEN, told
from store import legacy_files
from store.rows import execution, migrated

from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.exports import writer
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.errors import StoreDamaged
from mcp_learning.store.duckdb import executions
from mcp_learning.store.duckdb.parquet import ROW_GROUP, ParquetFile


def parquet(path: Path, query: str, *values: object) -> Path:
    with duckdb.connect() as connection:
        connection.sql(query, params=values).write_parquet(str(path), compression="zstd")
    return path


def exported(path: Path, count: int) -> Path:
    with writer(path, force=False) as file:
        file.write([{"task_description": f"{number:040d}"} for number in range(count)])
    return path


def test_types_of_parquet_are_understood(tmp_path: Path, notes: Notes) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        """
        SELECT $1::BLOB AS task_id, 'mend' AS task_description,
            make_timestamp_ns(1709287200_000_000_001) AS timestamp, true AS success,
            0.25::DECIMAL(5, 2) AS actual_cost, 3.0::DOUBLE AS file_count,
            DATE '2024-03-02' AS uploaded_at, {'a': 1} AS metadata,
            [0.5::FLOAT, 0.5] AS embedding, 'red' AS colour,
            [{'rating': 4, 'submitted_at': TIMESTAMPTZ '2024-03-02 11:00:00+01'}] AS feedback
        UNION ALL SELECT NULL, 'pour', make_timestamp_ns(0), NULL, NULL, 'nan'::DOUBLE, NULL, NULL,
            NULL, 'blue', NULL
        """,
        UUID(TASK_ID).bytes,
    )
    first, second = tables.read_parquet(path, notes)
    assert first.task_id == UUID(TASK_ID)
    assert (first.recorded_at, first.execution.outcome) == (THEN, "success")
    assert first.execution.cost_usd == 0.25
    assert first.execution.details.file_count == 3
    assert first.execution.details.uploaded_at == datetime(2024, 3, 2, tzinfo=UTC)
    assert first.execution.details.metadata == {"a": 1}
    assert [(one.rating, one.submitted_at) for one in first.feedback] == [(4, THEN.replace(day=2))]
    assert second.execution.outcome == "pending"
    assert second.execution.details.file_count is None
    assert not notes.left_out
    assert dict(notes.unknown) == {"colour": 1}


def test_names_that_are_no_texts_are_passed_over(tmp_path: Path, notes: Notes) -> None:
    query = "SELECT 'mend' AS task_description, MAP {1: 'x'} AS details"
    (record,) = tables.read_parquet(parquet(tmp_path / "a.parquet", query), notes)
    assert record.execution.task_description == "mend"
    assert dict(notes.unknown) == {"1": 1}


def test_a_damaged_part_of_an_exported_parquet_file_is_counted_and_the_rest_is_read(
    tmp_path: Path, notes: Notes
) -> None:
    path, rows = exported(tmp_path / "a.parquet", 3 * ROW_GROUP), ROW_GROUP
    with ParquetFile(path) as opened:
        offset, length = opened.extents[1]
    with path.open("r+b") as file:
        file.seek(offset + length // 2)
        file.write(b"\xff" * 100)
    found = told(list(tables.read_parquet(path, notes)))
    assert len(found) + notes.skipped.total() == 3 * rows
    assert 0 < notes.skipped["on a damaged part of the file"] <= rows
    assert found[:rows] == [f"{number:040d}" for number in range(rows)]
    assert found[-rows:] == [f"{number:040d}" for number in range(2 * rows, 3 * rows)]
    assert notes.examples[0].where == f"rows {rows + 1} to {2 * rows}"


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_parquet_that_is_cut_short_is_skipped_with_the_reason(
    tmp_path: Path, notes: Notes, share: float
) -> None:
    path = parquet(tmp_path / "a.parquet", "SELECT 'x' AS task_description FROM range(100)")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert list(tables.read_parquet(path, notes)) == []
    assert notes.skipped == {"not a Parquet file, or cut short": 1}


def test_an_older_learning_database_is_read_with_ids_times_and_outcomes(
    tmp_path: Path, notes: Notes
) -> None:
    legacy_files.make(tmp_path / "old.duckdb", 30)
    legacy_files.break_index(tmp_path / "old.duckdb")
    records = list(tables.read_duckdb(tmp_path / "old.duckdb", notes))
    assert told(records) == [f"mend part {number}" for number in range(30)]
    first, second, third = records[:3]
    assert str(second.task_id) == "00000000-0000-4000-8000-000000000001"
    assert second.recorded_at == datetime(2024, 3, 1, 10, 1, 0, 250_000, tzinfo=UTC)
    assert [one.execution.outcome for one in (first, second, third)] == [
        "success",
        "failure",
        "pending",
    ]
    assert (second.execution.error_type, second.execution.cost_usd) == ("timeout", 0.25)
    assert first.execution.details.metadata == {"shift": "night"}
    assert (notes.skipped, notes.left_out, notes.unknown) == ({}, {}, {})
    assert notes.done == notes.total == 30


def test_metadata_of_a_database_of_ours_comes_whole(tmp_path: Path, notes: Notes) -> None:
    files = [{"path": "é" * 500, "commit": "a" * 40}] * 100
    one = execution(metadata={"notes": "验" * 6_600, "files": files})
    with migrated(tmp_path / "ours.duckdb") as cursor:
        executions.insert(cursor, one)
    (record,) = tables.read_duckdb(tmp_path / "ours.duckdb", notes)
    assert record.execution.details.metadata == one.metadata


def test_a_database_of_ours_comes_with_feedback_and_uses(tmp_path: Path, notes: Notes) -> None:
    one = execution(metadata={"big": 2**70}, approach="pliers", duration_seconds=0.1 + 0.2)
    with migrated(tmp_path / "ours.duckdb") as cursor:
        executions.insert(cursor, one)
        cursor.execute(
            "INSERT INTO feedback VALUES (?, ?, '2025-01-01', 4, true, NULL, NULL, 'fine')",
            [UUID(int=5), one.task_id],
        )
        row = [one.task_id, UUID(TASK_ID)]
        cursor.execute("INSERT INTO uses VALUES (?, ?, '2025-01-02 00:00:00.000001')", row)
    (record,) = tables.read_duckdb(tmp_path / "ours.duckdb", notes)
    assert (record.task_id, record.updated_at) == (one.task_id, one.updated_at)
    assert record.execution.approach == "pliers"
    assert record.execution.duration_seconds == one.duration_seconds
    assert record.execution.details.metadata == one.metadata
    assert [(f.feedback_id, f.rating, f.accepted, f.comment) for f in record.feedback] == [
        (UUID(int=5), 4, True, "fine")
    ]
    assert record.uses[0].recorded_at == datetime(2025, 1, 2, 0, 0, 0, 1, tzinfo=UTC)
    assert (notes.skipped, notes.left_out, notes.unknown) == ({}, {}, {})


def test_what_is_no_database_is_refused(tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "a.duckdb").write_bytes(os.urandom(20_000))
    with pytest.raises(StoreDamaged, match="not a DuckDB database"):
        list(tables.read_duckdb(tmp_path / "a.duckdb", notes))


def test_wide_vectors_of_a_database_are_never_read(tmp_path: Path, notes: Notes) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE executions AS SELECT 'x' AS task_description, "
            "list_value(0.5, NULL, 'nan'::FLOAT) AS embedding, 3 AS colour"
        )
    assert len(list(tables.read_duckdb(tmp_path / "a.duckdb", notes))) == 1
    assert dict(notes.unknown) == {"colour": 1}
