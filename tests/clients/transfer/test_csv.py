"""Cells of CSV become executions; broken rows are counted by line."""

from pathlib import Path
from uuid import UUID

import pytest
from clients.transfer.reading import TASK_ID, THEN, read_csv, told

from mcp_learning.clients.transfer.imported import Notes


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
