"""Rows of JSON Lines become executions; what can't be accepted is counted, and the rest is read."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from clients.transfer.reading import FULL, TASK_ID, THEN, jsonl, read_csv, read_jsonl, told

from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.errors import InvalidInput
from mcp_learning.models.transfer import PastExecution


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
        ({"success": "1.0"}, "success"),
        ({"success": 0.0}, "failure"),
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


@pytest.mark.parametrize(
    "told",
    ["20240301", "2024-03-01 02:00:00+02", " 2024-03-01T00:00:00Z ", "1709251200", 1709251200000],
)
def test_a_time_is_iso_8601_or_a_number_since_1970(
    tmp_path: Path, notes: Notes, told: object
) -> None:
    row = {"task_description": "x", "recorded_at": told}
    (record,) = read_jsonl(jsonl(tmp_path / "a.jsonl", row), notes)
    assert record.recorded_at == datetime(2024, 3, 1, tzinfo=UTC)
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


def test_blank_and_bad_types_of_tasks_are_those_of_rows_without_one(
    tmp_path: Path, notes: Notes
) -> None:
    rows = [{"task_description": "x", "task_type": told, "outcome": " "} for told in (" ", ["a"])]
    found = read_jsonl(jsonl(tmp_path / "a.jsonl", *rows), notes)
    assert [one.execution.task_type for one in found] == ["task", "task"]
    assert not notes.skipped
    assert notes.left_out == {
        "task_type is not a text": 1,
        "task_type can't be accepted": 1,
    }


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


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            {"when": "x" * 20_000},
            "lesson.when can't be accepted: has 20,000 characters; shorten it to at most 300",
        ),
        (
            {"do": None},
            "lesson can't be accepted: has neither do nor avoid; give at least one of them",
        ),
        (
            {"status": "great"},
            "lesson.status can't be accepted: must be 'candidate', 'trial', 'kept' or 'retired'",
        ),
        (
            {"evidence": [TASK_ID] * 21},
            "lesson.evidence can't be accepted: has 21 items; give at most 20",
        ),
        ({"gain": 5}, "lesson.gain can't be accepted: must be less than or equal to 1"),
        (
            {"worded_at": "2024-03-01T10:00:00"},
            "lesson.worded_at can't be accepted: must be a time in ISO 8601, such as "
            "2026-01-31T12:00:00Z",
        ),
    ],
)
def test_a_lesson_that_is_refused_is_named_with_its_fix_and_the_others_are_taken(
    tmp_path: Path, notes: Notes, bad: dict[str, Any], reason: str
) -> None:
    lesson: dict[str, Any] = {
        "lesson_id": TASK_ID,
        "kind": "told",
        "origin": "agent",
        "status": "kept",
    }
    lesson |= {"when": "the spout drips", "do": "turn it", "evidence": [TASK_ID]}
    lesson |= dict.fromkeys(("created_at", "updated_at", "worded_at"), "2024-03-01T10:00:00Z")
    path = jsonl(tmp_path / "a.jsonl", {"lesson": lesson}, {"lesson": lesson | bad})
    assert read_jsonl(path, notes) == []
    assert [one.lesson.do for one in notes.lessons] == ["turn it"]
    assert notes.skipped.total() == 1
    assert (notes.examples[0].where, notes.examples[0].reason) == ("line 2", reason)
