"""What is exported and imported into an empty database is the same, whatever it is."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from store.rows import execution, executions, migrated, undone

from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.exports import writer
from mcp_learning.clients.transfer.imported import Notes, batches
from mcp_learning.cluster import frames
from mcp_learning.cluster.frames import Call, Result
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import Exported, ImportBatch, PastExecution
from mcp_learning.service.importing import prepare
from mcp_learning.store.duckdb import bulk, importing, transfer
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.outbox import Outbox

FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_READERS = {"jsonl": tables.read_jsonl, "parquet": tables.read_parquet}
_EVERYTHING = {
    "executions": "SELECT * EXCLUDE (sequence) FROM executions ORDER BY sequence",
    "feedback": "FROM feedback ORDER BY ALL",
    "uses": "FROM uses ORDER BY ALL",
}

_times = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))
_comments = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40).map(
    lambda text: text.strip(" \t\r\n") or None  # as submit_feedback stores them
)
_feedback = st.tuples(
    st.uuids(),
    _times,
    st.none() | st.integers(1, 5),
    st.none() | st.booleans(),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["wrong_model", "too_slow", "poor_quality", "other"]),
    _comments,
)
_uses = st.tuples(st.uuids(), _times)
_Record = tuple[Execution, list[Any], list[Any]]
_records = st.lists(
    st.tuples(
        executions,
        st.lists(_feedback, max_size=2, unique_by=lambda one: one[0]),
        st.lists(_uses, max_size=2, unique_by=lambda one: one[0]),
    ),
    min_size=1,
    max_size=3,
)
_LONGEST_FILES = [{"path": "é" * 500, "commit": "a" * 64}] * 100  # in `details` of a record
_extremes: list[_Record] = [
    (
        execution(
            recorded_at=FIRST,
            updated_at=LAST,
            uploaded_at=LAST,
            task_description="\N{DUCK}\ufdd0\u202e\ufeff\u2028 e\u0301 \ud7ff" + "x" * 19_900,
            estimated_tokens=2**62,
            duration_seconds=5e-324,
            cost_usd=1.7976931348623157e308,
            cost_estimate=0.1 + 0.2,
            peak_memory_mb=-0.0,
            metadata={"": [], "big": 10**400, "deep": [[[{}]]], "é": None, "f": 1e22},
        ),
        [
            (UUID(int=1), FIRST, None, None, False, None, "fine"),
            (UUID(int=2), LAST, 5, *[None] * 4),
            (UUID(int=5), FIRST, *[None] * 4, "\N{NO-BREAK SPACE}"),
        ],
        [(UUID(int=3), FIRST), (UUID(int=4), LAST)],
    ),
    (execution(), [], []),
    (execution(metadata={"told": "x" * 19_900, "files": _LONGEST_FILES}), [], []),
]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cursor, Cursor]]:
    """The database to export, and the empty one to import into."""
    directory = tmp_path_factory.mktemp("ends")
    with (
        migrated(directory / "source.duckdb") as source,
        migrated(directory / "target.duckdb") as t,
    ):
        yield source, t


def fill(cursor: Cursor, records: Sequence[_Record]) -> None:
    made = [one for one, _, _ in records]
    bulk.insert(cursor, made)
    used = set()
    for one, feedback, uses in records:
        for feedback_id, at, *values in feedback:
            if feedback_id not in used:
                used.add(feedback_id)
                row = [feedback_id, one.task_id, at.replace(tzinfo=None), *values]
                cursor.execute(f"INSERT INTO feedback VALUES ({', '.join('?' * 8)})", row)
        for used_id, at in uses:
            row = [one.task_id, used_id, at.replace(tzinfo=None)]
            cursor.execute("INSERT INTO uses VALUES (?, ?, ?)", row)


def everything(cursor: Cursor) -> dict[str, list[Any]]:
    return {name: cursor.execute(sql).fetchall() for name, sql in _EVERYTHING.items()}


def pages(cursor: Cursor) -> Iterator[list[dict[str, Any]]]:
    """The pages of an export, as they come from another process."""
    after = 0
    while (page := transfer.page(cursor, after, 2)).rows:
        after = page.last
        frame = frames.decode(frames.encode(Result(id=1, value=page)))
        assert isinstance(frame, Result)
        yield Exported.model_validate(frame.value).rows


def sent(records: list[PastExecution]) -> list[PastExecution]:
    """A batch, as another process gets it."""
    batch = ImportBatch.model_construct(records=records)
    arguments = batch.model_dump(mode="json", exclude_unset=True)
    frame = frames.decode(frames.encode(Call(id=1, method="import_batch", arguments=arguments)))
    assert isinstance(frame, Call)
    return ImportBatch.model_validate(frame.arguments).records


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(records=_extremes)
@given(records=_records)
def test_export_then_import_into_an_empty_database_is_identical(
    kind: str, records: list[_Record], ends: tuple[Cursor, Cursor], tmp_path: Path
) -> None:
    source, target = ends
    path, notes = tmp_path / f"everything.{kind}", Notes()
    with undone(source), undone(target):
        fill(source, records)
        with writer(path, force=True) as opened:
            for rows in pages(source):
                opened.write(rows)
        for batch in batches(_READERS[kind](path, notes)):
            importing.write(target, prepare(sent(batch), {})[0], Outbox(None))
        assert everything(target) == everything(source)
    assert (notes.skipped, notes.left_out, notes.unknown) == ({}, {}, {})


def test_an_export_of_nothing_can_be_imported(tmp_path: Path) -> None:
    for kind, read in _READERS.items():
        path, notes = tmp_path / f"nothing.{kind}", Notes()
        with writer(path, force=False):
            pass
        assert list(read(path, notes)) == []
        assert not notes.skipped
