"""SQL of executions, their feedback and their uses, from and to models.

Many rows are bound as one JSON parameter, and ids as a comma-separated text that the query splits;
a single new row binds each of its values.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import attrgetter
from sys import intern
from typing import Any
from uuid import UUID

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import Outcome
from mcp_learning.models.results import Execution, ExecutionSummary, Feedback, UsedBy
from mcp_learning.store.duckdb import spellings
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, UUIDS, joined
from mcp_learning.store.duckdb.columns import COLUMN_TYPES, EXECUTION_TYPES, FEEDBACK_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.queries import JSON_ROWS, assigned, column, from_json, number, where
from mcp_learning.store.shared import MOST_USING
from mcp_learning.store.types import LABELS, Deletion, Selection, Shown

_FIELDS = ", ".join(EXECUTION_TYPES)
_FROM_JSON = from_json(COLUMN_TYPES)
_UPDATE = f"""
UPDATE executions SET {assigned(_FROM_JSON)}, sequence = nextval('execution_sequence')
FROM (SELECT ? AS row) AS new
WHERE task_id = {_FROM_JSON["task_id"]}
"""
_ARRAY_BYTES = 1_000_000

GENERATED = (
    "json_extract_string(metadata, '$.generated') = 'true' "
    "AND substr(task_id::VARCHAR, 15, 1) = '8'"
)
"""SQL: whether `generate-data` made an execution. Agents may write the same into the metadata of
theirs, but no other ids are UUIDs version 8."""

FIELD_NAMES = {"timestamp": "recorded_at", "actual_cost": "cost_usd", "success": "outcome"}
"""Fields of an Execution whose columns have other names, by column."""
_COLUMN = {field: column for column, field in FIELD_NAMES.items()}
_SHOWN = tuple(_COLUMN.get(field, field) for field in ExecutionSummary.model_fields)
_SHOWN_LABELS = [label for label in LABELS if label in ExecutionSummary.model_fields]
_TIMES = ("timestamp", "updated_at", "uploaded_at")
SUCCESS: dict[Outcome, bool | None] = {"success": True, "failure": False, "pending": None}
OUTCOME: dict[bool | None, Outcome] = {value: name for name, value in SUCCESS.items()}
_VALUES: dict[str, Callable[[Execution], Any]] = {
    **{name: attrgetter(FIELD_NAMES.get(name, name)) for name in EXECUTION_TYPES},
    "timestamp": lambda e: naive_utc(e.recorded_at),
    "updated_at": lambda e: naive_utc(e.updated_at),
    "uploaded_at": lambda e: e.uploaded_at and naive_utc(e.uploaded_at),
    "metadata": lambda e: None if e.metadata is None else json.dumps(e.metadata),
    "success": lambda e: SUCCESS[e.outcome],
    "task_key": lambda e: task_key(e.task_description),
    "error_text": lambda e: None if e.error_message is None else normal_form(e.error_message),
}
_as_json = partial(json.dumps, default=str)  # of times and ids, which SQL casts
_GIVEN = tuple(FEEDBACK_TYPES)[3:]  # the content of feedback, without ids and time
_SUGGESTED = ("repo", "task_type", "approach", "error_type")


def insert_many(cursor: Cursor, executions: Iterable[Execution]) -> None:
    """Adds executions with new task_ids, in this order."""
    for rows in json_arrays(map(to_row, executions)):
        cursor.execute(
            f"INSERT INTO executions ({', '.join(COLUMN_TYPES)}, sequence) "
            f"SELECT {', '.join(_FROM_JSON.values())}, nextval('execution_sequence') "
            f"FROM {JSON_ROWS}",
            [rows],
        )


def json_arrays(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Rows as JSON arrays of about 1 MB, of which DuckDB needs ten times the memory."""
    part: list[str] = []
    size = 0
    for row in rows:
        part.append(_as_json(row))
        size += len(part[-1])
        if size >= _ARRAY_BYTES:
            yield f"[{','.join(part)}]"
            part, size = [], 0
    if part:
        yield f"[{','.join(part)}]"


def insert(cursor: Cursor, execution: Execution) -> None:
    """Adds one execution; its task_id must be new."""
    # Only the columns that have a value: half the time of naming all of them.
    row = {name: value for name, value in to_row(execution).items() if value is not None}
    cursor.execute(
        f"INSERT INTO executions ({', '.join(row)}, sequence) "
        f"VALUES ({', '.join('?' * len(row))}, nextval('execution_sequence'))",
        list(row.values()),
    )


def update(cursor: Cursor, execution: Execution) -> None:
    """Replaces all columns of the execution with the same task_id."""
    cursor.execute(_UPDATE, [_as_json(to_row(execution))])


def get(cursor: Cursor, task_id: UUID) -> Execution | None:
    """The execution, or None."""
    # Existence first: selecting all columns of no row takes twice as long.
    if not cursor.execute("SELECT 1 FROM executions WHERE task_id = ?", [task_id]).fetchone():
        return None
    query = f"SELECT {_FIELDS} FROM executions WHERE task_id = ?"
    row = cursor.execute(query, [task_id]).fetchone()
    return from_row(row) if row else None


def get_many(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, Execution]:
    """Those of these executions that exist, in the order of their last change."""
    rows = cursor.execute(
        f"SELECT {_FIELDS} FROM executions WHERE task_id {AMONG_UUIDS} ORDER BY sequence",
        [joined(task_ids)],
    ).fetchall()
    return {row[0]: from_row(row) for row in rows}


def missing_ids(cursor: Cursor, task_ids: Sequence[UUID], table: str = "executions") -> list[UUID]:
    """Those of `task_ids` that no row of a table has."""
    if not task_ids:
        return []
    query = f"SELECT task_id FROM {table} WHERE task_id {AMONG_UUIDS}"
    present = set(column(cursor, query, [joined(task_ids)]))
    return [task_id for task_id in task_ids if task_id not in present]


def selected(cursor: Cursor, selection: Selection) -> Deletion:
    """The executions that a selection covers."""
    elsewhere = missing_ids(cursor, selection.of_team)
    if selection.task_ids:
        ids = list(dict.fromkeys(selection.task_ids))
        absent, known = dict.fromkeys(missing_ids(cursor, ids)), set(elsewhere)
        missing = [one for one in absent if one not in known]
        return Deletion([one for one in ids if one not in absent], missing, elsewhere)
    before = selection.before and naive_utc(selection.before)
    clauses, values = where(("timestamp < ?", before))
    if selection.task_type is not None:
        clause, given = spellings.is_label(cursor, "task_type", selection.task_type)
        clauses.append(clause)
        values += given
    if selection.repo is not None:
        clause, given = spellings.is_repository(cursor, selection.repo)
        clauses.append(clause)
        values += given
    if selection.generated:
        clauses.append(GENERATED)
    # No WHERE at all without a filter: even "WHERE true" makes a small query 1.5 times as slow.
    chosen = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    here = column(cursor, f"SELECT task_id FROM executions {chosen}", values)
    return Deletion(here, [], elsewhere)


def delete(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Deletes executions with their embeddings, feedback, uses and recall counts."""
    ids = _delete_all_but_uses(cursor, task_ids)
    for name in ("task_id", "used_task_id"):
        cursor.execute(f"DELETE FROM uses WHERE {name} {AMONG_UUIDS}", [ids])


def evict(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """As `delete`, but uses of or by executions that stay are kept."""
    ids = _delete_all_but_uses(cursor, task_ids)
    cursor.execute(
        f"DELETE FROM uses WHERE (task_id {AMONG_UUIDS} OR used_task_id {AMONG_UUIDS}) "
        "AND task_id NOT IN (SELECT task_id FROM executions) "
        "AND used_task_id NOT IN (SELECT task_id FROM executions)",
        [ids, ids],
    )


def _delete_all_but_uses(cursor: Cursor, task_ids: Sequence[UUID]) -> str:
    """Deletes executions; returns their ids, joined."""
    ids = joined(task_ids)
    vectors = ("embeddings", "embeddings_next", "passages", "passages_next")
    for table in (*vectors, "feedback", "recall_counts", "fetched", "former_team", "executions"):
        cursor.execute(f"DELETE FROM {table} WHERE task_id {AMONG_UUIDS}", [ids])
    return ids


def count(cursor: Cursor) -> int:
    """How many executions there are."""
    return number(cursor, "SELECT count(*) FROM executions")


def summaries(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, Shown]:
    """As `Store.summaries`."""
    if not task_ids:
        return {}
    return _summaries(cursor, f"WHERE task_id {AMONG_UUIDS}", joined(task_ids))


def latest_summaries(cursor: Cursor, limit: int, longest: int) -> dict[UUID, Shown]:
    """As `Store.latest_summaries`."""
    chosen = (
        "WHERE sequence > (SELECT coalesce(max(sequence), 0) - ? FROM executions) "
        "AND length(task_description) + length(coalesce(solution_summary, '')) "
        f"+ length(coalesce(error_message, '')) <= {int(longest)} ORDER BY sequence"
    )
    return _summaries(cursor, chosen, limit)


def _summaries(cursor: Cursor, chosen: str, value: object) -> dict[UUID, Shown]:
    rows = cursor.execute(
        f"SELECT {', '.join(_SHOWN)}, sequence FROM executions {chosen}", [value]
    ).fetchall()
    return {row[0]: _shown(_named(_SHOWN, row), row[-1]) for row in rows}


def shown(execution: Execution, sequence: int) -> Shown:
    """What a search shows of an execution with this change number."""
    return _shown(dict(vars(execution)), sequence)


def _shown(named: dict[str, Any], sequence: int) -> Shown:
    # Interned, since thousands of rows share a few labels.
    named |= {name: intern(named[name]) for name in _SHOWN_LABELS if named[name] is not None}
    return Shown(sequence, *(named[name] for name in ExecutionSummary.model_fields))


def add_feedback(cursor: Cursor, feedback_id: UUID, task_id: UUID, feedback: Feedback) -> bool:
    """Appends one feedback unless its id exists; returns whether it was added."""
    values = [feedback_id, task_id, naive_utc(feedback.submitted_at)]
    values += [getattr(feedback, name) for name in _GIVEN]
    row = cursor.execute(
        f"INSERT OR IGNORE INTO feedback ({', '.join(FEEDBACK_TYPES)}) "
        f"VALUES ({', '.join('?' * len(values))})",
        values,
    ).fetchone()
    return row == (1,)


def feedback_of(cursor: Cursor, task_id: UUID) -> list[Feedback]:
    """All feedback on an execution, oldest first."""
    rows = cursor.execute(
        f"SELECT submitted_at, {', '.join(_GIVEN)} FROM feedback "
        "WHERE task_id = ? ORDER BY submitted_at",
        [task_id],
    ).fetchall()
    return [
        Feedback(submitted_at=at.replace(tzinfo=UTC), **dict(zip(_GIVEN, values, strict=True)))
        for at, *values in rows
    ]


def add_uses(cursor: Cursor, task_id: UUID, used: Sequence[UUID], at: datetime) -> list[UUID]:
    """Records that `task_id` used earlier executions; returns those that were new."""
    return column(
        cursor,
        f"INSERT OR IGNORE INTO uses SELECT ?, unnest({UUIDS}), ? RETURNING used_task_id",
        [task_id, joined(used), naive_utc(at)],
    )


def uses(cursor: Cursor, task_id: UUID) -> list[UUID]:
    """Earlier executions that this one used, in the order of their ids."""
    return column(cursor, "SELECT used_task_id FROM uses WHERE task_id = ? ORDER BY 1", [task_id])


def using(cursor: Cursor, task_id: UUID) -> list[UUID]:
    """As `SharedStore.using`."""
    query = "SELECT task_id FROM uses WHERE used_task_id = ? ORDER BY recorded_at DESC LIMIT ?"
    return column(cursor, query, [task_id, MOST_USING])


def used_by(cursor: Cursor, task_id: UUID) -> list[UsedBy]:
    """Later executions that used this one, oldest first."""
    rows = cursor.execute(
        "SELECT u.task_id, x.success FROM uses u JOIN executions x USING (task_id) "
        "WHERE u.used_task_id = ? ORDER BY u.recorded_at",
        [task_id],
    ).fetchall()
    return [UsedBy(task_id=row[0], outcome=OUTCOME[row[1]]) for row in rows]


def suggestions(cursor: Cursor, name: str, prefix: str, limit: int) -> list[str]:
    """As `Store.suggest`."""
    if name not in _SUGGESTED:
        raise ValueError(f"{name} is not suggested")
    return column(
        cursor,
        f"SELECT {name} FROM executions WHERE starts_with(lower({name}), lower(?)) "
        f"GROUP BY {name} ORDER BY count(*) DESC, {name} LIMIT ?",
        [prefix, limit],
    )


def to_row(execution: Execution) -> dict[str, Any]:
    """Column values by name; metadata as JSON text, other values as `_as_json` accepts them."""
    return {name: value(execution) for name, value in _VALUES.items()}


def to_columns(executions: Sequence[Execution]) -> dict[str, list[Any]]:
    """The values of n executions by column."""
    return {name: [value(one) for one in executions] for name, value in _VALUES.items()}


def from_row(row: Sequence[Any]) -> Execution:
    """The execution of a row with all of `EXECUTION_TYPES`; further values are ignored."""
    # Not validated again: it was when it was stored.
    return Execution.model_construct(**_named(tuple(EXECUTION_TYPES), row))


def _named(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Values of a row by field of an Execution."""
    values = dict(zip(columns, row, strict=False))
    for name in _TIMES:
        if values.get(name) is not None:
            values[name] = values[name].replace(tzinfo=UTC)
    if values.get("metadata") is not None:
        values["metadata"] = json.loads(values["metadata"])
    values["outcome"] = OUTCOME[values.pop("success")]
    return {FIELD_NAMES.get(name, name): value for name, value in values.items()}


def naive_utc(moment: datetime) -> datetime:
    """A time as the database stores it: UTC without a time zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)
