"""SQL of import and export: many executions at a time, with their feedback and uses."""

from collections import defaultdict
from collections.abc import Sequence
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
        {**one.model_dump(mode="json"), "task_id": str(record.task_id)}
        | {"submitted_at": naive_utc(one.submitted_at).isoformat()}
        for record in records
        for one in record.feedback
    ]
    uses = [
        {
            "task_id": str(record.task_id),
            "used_task_id": str(use.task_id),
            "recorded_at": naive_utc(use.recorded_at).isoformat(),
        }
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
        for task_id, given in _feedback_of(cursor, list(shown)).items():
            shown[task_id]["feedback"] = given
        for task_id, used in _uses_of(cursor, list(shown)).items():
            shown[task_id]["uses"] = used
    return Exported(rows=list(shown.values()), last=last, total=count(cursor))


def _feedback_of(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    names = [name for name in FEEDBACK_TYPES if name != "task_id"]
    rows = cursor.execute(
        f"SELECT task_id, {', '.join(names)} FROM feedback WHERE task_id {AMONG_UUIDS} "
        "ORDER BY submitted_at, feedback_id",
        [joined(task_ids)],
    ).fetchall()
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for task_id, *values in rows:
        given = dict(zip(names, values, strict=True))
        given |= {
            "feedback_id": str(given["feedback_id"]),
            "submitted_at": _iso(given["submitted_at"]),
        }
        found[task_id].append({name: value for name, value in given.items() if value is not None})
    return found


def _uses_of(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    rows = cursor.execute(
        f"SELECT task_id, used_task_id, recorded_at FROM uses WHERE task_id {AMONG_UUIDS} "
        "ORDER BY recorded_at, used_task_id",
        [joined(task_ids)],
    ).fetchall()
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for task_id, used, moment in rows:
        found[task_id].append({"task_id": str(used), "recorded_at": _iso(moment)})
    return found


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
