"""SQL of import and export: many executions at a time, with their feedback and uses."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mcp_learning.models.transfer import Exported, PastExecution
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.columns import EXECUTION_TYPES, FEEDBACK_TYPES, USE_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import count, from_row, json_arrays, naive_utc
from mcp_learning.store.duckdb.queries import JSON_ROWS, from_json

_PAGE_CHARACTERS = 4_000_000  # of text that end a page, so that it fits a frame between processes


def updated(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """As `Store.updated`."""
    rows = cursor.execute(
        f"SELECT task_id, updated_at FROM executions WHERE task_id {AMONG_UUIDS}",
        [joined(task_ids)],
    ).fetchall()
    return {task_id: moment.replace(tzinfo=UTC) for task_id, moment in rows}


def add_feedback_and_uses(cursor: Cursor, records: Sequence[PastExecution]) -> None:
    """Adds the feedback and the uses of `records` that aren't stored yet."""
    feedback = [
        dict(one) | {"task_id": record.task_id, "submitted_at": naive_utc(one.submitted_at)}
        for record in records
        for one in record.feedback
    ]
    uses = [
        {"task_id": record.task_id, "used_task_id": use.task_id}
        | {"recorded_at": naive_utc(use.recorded_at)}
        for record in records
        for use in record.uses
    ]
    insert_new(cursor, "feedback", FEEDBACK_TYPES, feedback)
    insert_new(cursor, "uses", USE_TYPES, uses)


def page(cursor: Cursor, after: int, limit: int) -> Exported:
    """As `Store.export_page`."""
    rows = cursor.execute(
        f"SELECT {', '.join(EXECUTION_TYPES)}, sequence FROM executions WHERE sequence > ? "
        "ORDER BY sequence LIMIT ?",
        [after, limit],
    ).fetchall()
    shown: dict[UUID, dict[str, Any]] = {}
    characters, last = 0, after
    for row in rows:
        characters += sum(len(value) for value in row if isinstance(value, str))
        if shown and characters > _PAGE_CHARACTERS:
            break
        execution, last = from_row(row), row[-1]
        values = execution.model_dump(mode="json", exclude={"author"}, exclude_none=True)
        shown[execution.task_id] = values
    if shown:
        ids, among = joined(shown), f"task_id {AMONG_UUIDS}"
        for task_id, given in stored_feedback(cursor, among, ids):
            given["submitted_at"] = _iso(given["submitted_at"])
            shown[task_id].setdefault("feedback", []).append(given)
        for task_id, used, moment in cursor.execute(
            f"SELECT task_id, used_task_id, recorded_at FROM uses WHERE {among} "
            "ORDER BY recorded_at, used_task_id",
            [ids],
        ).fetchall():
            use = {"task_id": str(used), "recorded_at": _iso(moment)}
            shown[task_id].setdefault("uses", []).append(use)
    return Exported(rows=list(shown.values()), last=last, total=count(cursor))


def stored_feedback(
    cursor: Cursor, where: str, value: object
) -> Iterator[tuple[UUID, dict[str, Any]]]:
    """Feedback that meets a condition, oldest first: its execution, and further columns.

    Columns without a value are left out. `submitted_at` is a datetime, the others are JSON values.
    """
    rows = cursor.execute(
        f"SELECT {', '.join(FEEDBACK_TYPES)} FROM feedback WHERE {where} "
        "ORDER BY submitted_at, feedback_id",
        [value],
    ).fetchall()
    for row in rows:
        named = zip(FEEDBACK_TYPES, row, strict=True)
        given = {name: one for name, one in named if one is not None}
        given["feedback_id"] = str(given["feedback_id"])
        yield given.pop("task_id"), given


def insert_new(
    cursor: Cursor, table: str, types: dict[str, str], rows: Sequence[dict[str, Any]]
) -> None:
    """Adds those rows to `feedback` or `uses` that aren't stored yet; values are JSON values."""
    values = ", ".join(from_json(types).values())
    for part in json_arrays(rows):
        cursor.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(types)}) SELECT {values} FROM {JSON_ROWS}",
            [part],
        )


def _iso(moment: datetime) -> str:
    return moment.isoformat() + "Z"
