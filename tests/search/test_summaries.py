"""What searches show: kept within bounds, and used only as long as the truth agrees."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from store.rows import NOW, execution, migrated

from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search import summaries
from mcp_learning.search.summaries import Summaries
from mcp_learning.store import executions
from mcp_learning.store.duckdb import Cursor
from mcp_learning.store.executions import Run

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


def runs(cursor: Cursor) -> list[Run]:
    return executions.runs_of(cursor, [KEY], Filters(), NOW)


def test_a_changed_execution_is_read_again(cursor: Cursor) -> None:
    (row,) = record(cursor, 10)
    kept = Summaries()
    kept.load(cursor)
    executions.update(cursor, row.model_copy(update={"approach": "another"}), KEY)
    assert kept.of(cursor, runs(cursor))[row.task_id].approach == "another"


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
    shown = kept.of(cursor, runs(cursor))
    assert shown.keys() == {row.task_id for row in rows}
    assert kept._kept.keys() == {row.task_id for row in rows[1:]}
    kept.drop(row.task_id for row in rows)
    assert kept._characters == 0
