"""What searches show: kept within bounds, and used only as long as the truth agrees."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from store.rows import execution, migrated

from mcp_learning.models.results import Execution
from mcp_learning.search import summaries
from mcp_learning.search.summaries import Summaries
from mcp_learning.store.duckdb import executions
from mcp_learning.store.duckdb.connection import Cursor

KEY = 1


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[Cursor]:
    with migrated(tmp_path / "learning.duckdb") as cursor:
        yield cursor


def record(cursor: Cursor, *lengths: int) -> list[Execution]:
    rows = [execution(task_description="x" * length) for length in lengths]
    for row in rows:
        executions.insert(cursor, row, KEY)
    return rows


def current(cursor: Cursor, rows: Sequence[Execution]) -> dict[UUID, int]:
    """The number of each one's last change."""
    found = executions.shown(cursor, [row.task_id for row in rows])
    return {row.task_id: found[row.task_id].sequence for row in rows}


def test_what_is_shown_is_what_was_recorded(cursor: Cursor) -> None:
    rows = record(cursor, 1, 2, 3)
    shown = Summaries().of(cursor, current(cursor, rows))
    for row in rows:
        values = shown[row.task_id].model_dump()
        assert values == {name: getattr(row, name) for name in values}


def test_a_changed_execution_is_read_again(cursor: Cursor) -> None:
    (row,) = record(cursor, 10)
    kept = Summaries()
    kept.load(cursor)
    executions.update(cursor, row.model_copy(update={"approach": "another"}), KEY)
    assert kept.of(cursor, current(cursor, [row]))[row.task_id].approach == "another"


def test_what_was_deleted_just_now_is_not_shown(cursor: Cursor) -> None:
    gone, left = record(cursor, 10, 10)
    known = current(cursor, [gone, left])
    executions.delete(cursor, [gone.task_id])
    assert Summaries().of(cursor, known).keys() == {left.task_id}


def test_long_texts_are_not_taken_in_ahead(cursor: Cursor) -> None:
    short, _ = record(cursor, 10, summaries.SHORT + 1)
    kept = Summaries()
    kept.load(cursor)
    assert kept._kept.keys() == {short.task_id}


def test_what_is_kept_is_bounded_by_its_length_and_all_is_shown(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summaries, "CHARACTERS", 1_000)
    rows = record(cursor, 400, 400, 400)
    kept = Summaries()
    shown = kept.of(cursor, current(cursor, rows))
    assert shown.keys() == {row.task_id for row in rows}
    assert kept._kept.keys() == {row.task_id for row in rows[1:]}
    kept.drop(row.task_id for row in rows)
    assert kept._characters == 0
