"""Rows of tables become executions; what can't be accepted is counted, and the rest is read."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
from store import legacy_files
from store.rows import execution, migrated

from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.exports import writer
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.errors import InvalidInput, StoreDamaged
from mcp_learning.models.transfer import PastExecution
from mcp_learning.store.duckdb import executions
from mcp_learning.store.duckdb.parquet import ROW_GROUP, ParquetFile

THEN = datetime(2024, 3, 1, 10, 0, tzinfo=UTC)
TASK_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
FULL = {
    "task_id": TASK_ID,
    "recorded_at": "2024-03-01T11:00:00+01:00",
    "updated_at": "2024-03-02T10:00:00Z",
    "task_type": "bug_fix",
    "task_description": "mend the spout",
    "outcome": "failure",
    "repo": "me/teapot",
    "error_type": "crash",
    "duration_seconds": 1.5,
    "cost_usd": 0.25,
    "file_count": 3,
    "quality_score": 90,
    "user_accepted": False,
    "metadata": {"shift": "night", "big": 2**70},
}


@pytest.fixture
def notes() -> Notes:
    return Notes()


def jsonl(path: Path, *rows: object) -> Path:
    lines = (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    path.write_bytes(b"\n".join(lines))
    return path


def read_jsonl(path: Path, notes: Notes) -> list[PastExecution]:
    return list(tables.read_jsonl(path, notes))


def read_csv(path: Path, text: str | bytes, notes: Notes) -> list[PastExecution]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(tables.read_csv(path, notes))


def told(records: Sequence[PastExecution]) -> list[str]:
    return [record.execution.task_description for record in records]


def test_all_fields_of_a_line_are_taken_over(tmp_path: Path, notes: Notes) -> None:
    (record,) = read_jsonl(jsonl(tmp_path / "a.jsonl", FULL), notes)
    assert record.task_id == UUID(TASK_ID)
    assert (record.recorded_at, record.updated_at) == (THEN, THEN.replace(day=2))
    assert record.execution.model_dump(exclude_unset=True) == {
        **{
            name: FULL[name]
            for name in ("task_type", "task_description", "outcome", "repo", "error_type")
        },
        "duration_seconds": 1.5,
        "cost_usd": 0.25,
        "details": {
            name: FULL[name]
            for name in ("file_count", "quality_score", "user_accepted", "metadata")
        },
    }
    assert not notes.left_out


def test_columns_of_the_original_design_and_nested_details_are_understood(
    tmp_path: Path, notes: Notes
) -> None:
    row = {
        "task_description": "mend the spout",
        "timestamp": "2024-03-01 10:00:00",
        "success": True,
        "actual_cost": 2,
        "details": {"file_count": 4, "metadata": {"a": 1}},
        "used_task_ids": [TASK_ID, TASK_ID],
    }
    (record,) = read_jsonl(jsonl(tmp_path / "a.jsonl", row), notes)
    assert record.recorded_at == THEN
    assert (record.execution.outcome, record.execution.cost_usd) == ("success", 2)
    assert record.execution.details.file_count == 4
    assert record.execution.details.metadata == {"a": 1}
    assert [(use.task_id, use.recorded_at) for use in record.uses] == [(UUID(TASK_ID), THEN)]


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ({"success": None}, "pending"),
        ({"success": False}, "failure"),
        ({"success": 1}, "success"),
        ({"success": "no"}, "failure"),
        ({"outcome": "SUCCESS"}, "success"),
        ({"outcome": "pending"}, "pending"),
        ({}, "pending"),
    ],
)
def test_an_outcome_that_is_not_told_is_pending(
    tmp_path: Path, notes: Notes, value: dict[str, Any], outcome: str
) -> None:
    (record,) = read_jsonl(jsonl(tmp_path / "a.jsonl", {"task_description": "x", **value}), notes)
    assert record.execution.outcome == outcome
    assert not notes.left_out


def test_bad_values_are_left_out_and_counted_and_the_row_is_kept(
    tmp_path: Path, notes: Notes
) -> None:
    row = {
        **FULL,
        "outcome": "meh",
        "quality_score": 900,
        "file_count": "many",
        "recorded_at": "yesterday",
        "metadata": {"deep": json.loads("[" * 50 + "]" * 50)},
        "repo": {"an": "object"},
        "error_message": "\x1b[31mred\x1b[0m \x07bell",
        "solution_summary": "x" * 9_000,
        "feedback": [{"rating": 9}, {"rating": 4, "submitted_at": "2024-03-01"}],
        "uses": [{"task_id": "none"}],
        "cost_usd": float("inf"),
    }
    path = jsonl(tmp_path / "a.jsonl", json.dumps(row).replace("Infinity", "1e999").encode())
    (record,) = read_jsonl(path, notes)
    assert record.execution.outcome == "pending"
    assert record.execution.error_message == "red bell"
    assert len(record.execution.solution_summary or "") == 8_000
    assert [one.rating for one in record.feedback] == [4]
    assert record.uses == []
    assert dict(notes.left_out) == {
        "outcome can't be accepted": 1,
        "repo is not a text": 1,
        "error_message was imported without control characters": 1,
        "solution_summary was imported shortened": 1,
        "quality_score can't be accepted": 1,
        "file_count can't be accepted": 1,
        "recorded_at can't be accepted": 1,
        "metadata can't be accepted": 1,
        "cost_usd can't be accepted": 1,
        "feedback can't be accepted": 1,
        "a used task can't be accepted": 1,
    }
    assert not notes.skipped


def test_a_secret_at_the_cut_of_a_text_is_not_left_in_half(tmp_path: Path, notes: Notes) -> None:
    secret = "ghp_" + "a1B2" * 9
    row = {"task_description": "mend it", "solution_summary": "word " * 1_596 + secret}
    (record,) = read_jsonl(jsonl(tmp_path / "a.jsonl", row), notes)
    assert (record.execution.solution_summary or "").endswith("word [redacted:github-to…")
    assert dict(notes.left_out) == {"solution_summary was imported shortened": 1}


def test_a_row_without_a_description_is_skipped_by_line(tmp_path: Path, notes: Notes) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"task_type": "x"}, FULL, {"task_description": " \0 "})
    assert told(read_jsonl(path, notes)) == ["mend the spout"]
    assert [(one.where, one.reason) for one in notes.examples if "can't" not in one.reason] == [
        ("line 1", "has no task_description"),
        ("line 3", "task_description was imported without control characters"),
    ]
    assert notes.skipped.total() == 2


def test_without_an_id_one_is_made_of_the_content_the_same_in_each_format(
    tmp_path: Path, notes: Notes
) -> None:
    row = {"task_description": "mend it", "success": True, "duration_seconds": 2, "repo": "r"}
    first = read_jsonl(jsonl(tmp_path / "a.jsonl", row, row), notes)
    os.utime(tmp_path / "a.jsonl", (1, 1))
    later = read_jsonl(tmp_path / "a.jsonl", notes)
    cells = read_csv(
        tmp_path / "a.csv",
        "repo,task_description,outcome,duration_seconds\nr,mend it,success,2.0\n",
        notes,
    )
    assert len({record.task_id for record in (*first, *later, *cells)}) == 1
    other = read_jsonl(jsonl(tmp_path / "b.jsonl", {**row, "recorded_at": "2024-03-01"}), notes)
    odd = read_jsonl(jsonl(tmp_path / "c.jsonl", {**row, "task_id": "run 17"}), notes)
    assert len({first[0].task_id, other[0].task_id, odd[0].task_id}) == 3
    assert later[0].recorded_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_unknown_columns_are_named_and_derived_ones_are_not(tmp_path: Path, notes: Notes) -> None:
    row = {"task_description": "x", "colour": "red", "embedding": [0.5] * 3}
    read_jsonl(jsonl(tmp_path / "a.jsonl", row, row), notes)
    assert dict(notes.unknown) == {"colour": 2}


def test_endlessly_many_unknown_columns_take_bounded_room(tmp_path: Path, notes: Notes) -> None:
    row = {f"column {number}": 1 for number in range(5_000)}
    read_jsonl(jsonl(tmp_path / "a.jsonl", {"task_description": "x", **row}), notes)
    assert len(notes.unknown) <= 201
    assert notes.unknown.total() == 5_000


def test_a_byte_order_mark_is_passed_over(tmp_path: Path, notes: Notes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(FULL).encode())
    assert len(read_jsonl(path, notes)) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_cells_of_csv_are_understood(tmp_path: Path, notes: Notes, delimiter: str) -> None:
    names = "Task_Description,success,timestamp,file_count,metadata,used_task_ids,repo"
    cells = ['"say ""hi"" to\nthe spout"', "false", "2024-03-01T10:00:00Z", "3", '"{""a"": 1}"']
    text = names.replace(",", delimiter) + "\r\n" + delimiter.join([*cells, TASK_ID, ""])
    (record,) = read_csv(tmp_path / "a.csv", "\ufeff" + text, notes)
    assert record.execution.task_description == 'say "hi" to\nthe spout'
    assert (record.execution.outcome, record.recorded_at) == ("failure", THEN)
    assert record.execution.details.file_count == 3
    assert record.execution.details.metadata == {"a": 1}
    assert record.execution.repo is None
    assert [use.task_id for use in record.uses] == [UUID(TASK_ID)]
    assert not notes.left_out


def test_broken_rows_of_csv_are_counted_by_line(tmp_path: Path, notes: Notes) -> None:
    rows = [
        b"task_description,repo",
        b"first,a",
        b"too,many,cells",
        b"in Latin \xe9,a",
        b"",
        b"second,a",
        b'"never closed,a',
        *[b"swallowed," + b"x" * 400] * 500,
        b"third,a",
    ]
    found = told(read_csv(tmp_path / "a.csv", b"\n".join(rows), notes))
    assert found[:2] == ["first", "second"]
    assert found[-1] == "third"
    places = [(one.where, one.reason.split(":")[0]) for one in notes.examples]
    assert places == [("line 3", "not 2 cells"), ("line 4", "not UTF-8"), ("line 7", "not CSV")]
    lost = notes.skipped["not CSV"]
    assert lost > 300
    assert lost + len(found) - 3 == 501


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", None),
        (b"\n", "no names of columns"),
        (b"a,b\n1,2\n", "no column task_description"),
        (bytes(10_000), "no column task_description"),
        ("task_description\nx".encode("utf-16"), "no column task_description"),
    ],
)
def test_what_is_no_csv_is_skipped_with_the_reason(
    tmp_path: Path, notes: Notes, content: bytes, reason: str | None
) -> None:
    assert read_csv(tmp_path / "a.csv", content, notes) == []
    assert dict(notes.skipped) == ({reason: 1} if reason else {})


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


def test_a_database_of_ours_comes_with_feedback_and_uses(tmp_path: Path, notes: Notes) -> None:
    one = execution(metadata={"big": 2**70}, approach="pliers", duration_seconds=0.1 + 0.2)
    with migrated(tmp_path / "ours.duckdb") as cursor:
        executions.insert(cursor, one, 7)
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


@pytest.mark.parametrize(
    "read", [tables.read_jsonl, tables.read_csv, tables.read_parquet, tables.read_duckdb]
)
def test_a_directory_and_what_is_not_there_are_refused(
    read: Callable[[Path, Notes], Iterator[PastExecution]], tmp_path: Path, notes: Notes
) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InvalidInput, match=r"^path: "):
            list(read(path, notes))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path, notes: Notes) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    assert read_jsonl(tmp_path / "a.jsonl", notes) == []
    assert notes.skipped == {"not a regular file": 1}


def test_wide_vectors_of_a_database_are_never_read(tmp_path: Path, notes: Notes) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE executions AS SELECT 'x' AS task_description, "
            "list_value(0.5, NULL, 'nan'::FLOAT) AS embedding, 3 AS colour"
        )
    assert len(list(tables.read_duckdb(tmp_path / "a.duckdb", notes))) == 1
    assert dict(notes.unknown) == {"colour": 1}
