"""The child process of `salvage`: reads a damaged database, which may crash DuckDB.

Arguments are SOURCE, a repaired copy, and TARGET, a new database; stdin has, as JSON, the steps of
earlier processes with their results. Each line on stdout is a step and its result, which is null
when the step begins, and stays null if DuckDB crashes in it or can't read the rows.
"""

import json
import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from mcp_learning.store.duckdb.columns import FORMER_NAMES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.files import wal_of
from mcp_learning.store.duckdb.opening import connect
from mcp_learning.store.duckdb.paths import database_literal

ROW_GROUP = 122_880  # rows that are read at once where nothing is damaged
VECTOR = 2_048  # rows that DuckDB decodes at once

KEYS = {
    "executions": ["task_id"],
    "embeddings": [],
    "embeddings_next": [],
    "feedback": ["feedback_id"],
    "uses": ["task_id", "used_task_id"],
    "recall_counts": ["task_id"],
    "lessons": ["lesson_id"],
    "lesson_evidence": ["lesson_id", "task_id"],
    "lesson_changes": [],
    "lesson_showings": [],
}
"""The tables to be saved, with their primary keys."""

_SUBSTITUTES = {
    "task_id": "uuid()",
    "timestamp": "now() AT TIME ZONE 'UTC'",
    "task_type": "'unknown'",
    "task_description": "coalesce(solution_summary, error_message)",
    "updated_at": "now() AT TIME ZONE 'UTC'",
    "sequence": "0",
    "task_key": "0",
}
"""Substitutes for lost required values of executions. Other tables lose the row."""

_CHECKED = {
    "VARCHAR": "nullif(coalesce(try(decode(encode({0}))), encode({0})::VARCHAR), '')",
    "JSON": "CASE WHEN json_valid(try(decode(encode({0}::VARCHAR)))) THEN {0} END",
    "TIMESTAMP": "CASE WHEN {0} BETWEEN '1980-01-01' AND '2200-01-01' THEN {0} END",
    "DOUBLE": "CASE WHEN isfinite({0}) THEN {0} END",
    "UUID": "nullif({0}, '80000000-0000-0000-0000-000000000000')",
    "FLOAT[384]": "CASE WHEN abs(array_inner_product({0}, {0}) - 1) < 0.01 THEN {0} END",
    "sequence": "CASE WHEN {0} BETWEEN 1 AND 2 ** 53 THEN {0} END",
}
"""Validated values by type or column, NULL if invalid, so that readers of the new database don't
fail. Bytes that aren't UTF-8 become escapes. The id and the empty text are what DuckDB reads from a
block of zeros. A vector that isn't of length 1 is computed again."""

Steps = dict[str, dict[str, Any] | None]  # results by step


def main() -> None:
    """Copies every table, and tells the parent process about each step."""
    source, target = map(Path, sys.argv[1:])
    steps: Steps = json.load(sys.stdin)
    cursor = connect(target)
    _attach(cursor, source)
    for table in KEYS:
        ((stored, names, end),) = cursor.execute(
            "SELECT any_value(t.table_name), list(c.column_name), any_value(t.estimated_size) "
            "FROM duckdb_columns() c JOIN duckdb_tables() t USING (table_oid, database_name) "
            "WHERE database_name = 'damaged' AND t.table_name IN (?, ?)",
            [table, FORMER_NAMES.get(table, table)],
        ).fetchall()
        _attempt(steps, f"{table} expected", partial(_count, cursor, stored))
        new = {FORMER_NAMES.get(name, name): name for name, _, _ in _shape(cursor, table)}
        columns = {new.get(name, name): name for name in names or ()}
        columns.pop("error_text", None)  # it is computed again
        for start in range(0, end or 0, ROW_GROUP):
            _save(cursor, steps, table, columns, stored, start, min(start + ROW_GROUP, end))
    _say("finished", {})


def _attach(cursor: Cursor, source: Path) -> None:
    """Opens the source; cuts its write-ahead log before an entry that can't be read."""
    while True:
        try:
            cursor.execute(f"ATTACH {database_literal(source)} AS damaged (READ_ONLY)")
        except duckdb.Error as error:
            entry = re.search(r"entry at byte position (\d+)", str(error))
            if entry is None or int(entry[1]) >= wal_of(source).stat().st_size:
                raise
            os.truncate(wal_of(source), int(entry[1]))
        else:
            return


def _say(step: str, result: dict[str, Any] | None) -> None:
    sys.stdout.write(json.dumps([step, result]) + "\n")
    sys.stdout.flush()


def _attempt(steps: Steps, step: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """The result of a step, of this process or one before; None if it fails."""
    if step not in steps:
        _say(step, None)
        steps[step] = None
        try:
            steps[step] = work()
        except (duckdb.FatalException, duckdb.InternalException):
            raise  # the instance can't be used any more; the parent starts another process
        except duckdb.Error as error:
            sys.stderr.write(f"{step}: {error}\n")
        _say(step, steps[step])
    return steps[step]


def _count(cursor: Cursor, stored: str | None) -> dict[str, int]:
    if stored is None:
        return {"rows": 0}
    ((rows,),) = cursor.execute(f"SELECT count(*) FROM damaged.{stored}").fetchall()
    return {"rows": rows}


def _save(
    cursor: Cursor,
    steps: Steps,
    table: str,
    columns: dict[str, str],
    source: str,
    start: int,
    end: int,
) -> None:
    """Copies a range of rows; bisects one that can't be read, and finally leaves out columns."""
    rows = f"FROM damaged.{source} s WHERE rowid >= {start} AND rowid < {end}"
    step = f"{table} {start} {end}"
    if _attempt(steps, step, partial(_copy, cursor, table, columns, [], rows)) is not None:
        return
    if end - start > VECTOR:
        middle = start + max(1, (end - start) // VECTOR // 2) * VECTOR
        _save(cursor, steps, table, columns, source, start, middle)
        _save(cursor, steps, table, columns, source, middle, end)
        return
    lost = [
        name
        for name, stored in columns.items()
        if _attempt(steps, f"{step} read {name}", partial(_read, cursor, stored, rows)) is None
    ]
    kept = {name: stored for name, stored in columns.items() if name not in lost}
    if lost and kept:
        _attempt(steps, f"{step} without", partial(_copy, cursor, table, kept, lost, rows))


def _read(cursor: Cursor, stored: str, rows: str) -> dict[str, Any]:
    cursor.execute(f"SELECT sum(hash(s.{stored})::HUGEINT) {rows}").fetchall()
    return {"rows": 0, "lost": {}}


def _copy(
    cursor: Cursor, table: str, columns: dict[str, str], lost: list[str], rows: str
) -> dict[str, Any]:
    """Adds rows to the new database; counts them, and by column what was lost or replaced."""
    shape = _shape(cursor, table)
    values = {
        name: _CHECKED.get(name, _CHECKED.get(kind, "{0}")).format(f"s.{columns[name]}")
        if name in columns
        else f"NULL::{kind}"
        for name, kind, _ in shape
    }
    read = [name for name in values if name in columns]
    counts = [
        f"count(*) FILTER (WHERE s.{columns[name]} IS DISTINCT FROM {values[name]})"
        for name in read
    ]
    (replaced,) = cursor.execute(f"SELECT {', '.join(counts)} {rows}").fetchall()

    checked = ", ".join(f"{value} AS {name}" for name, value in values.items())
    required = [f"n.{name} IS NOT NULL" for name, _, nullable in shape if not nullable]
    substitutes = _SUBSTITUTES if table == "executions" else {}
    final = ", ".join(
        f"coalesce({name}, {substitutes[name]}) AS {name}" if name in substitutes else name
        for name in values
    )
    once = ""
    if keys := KEYS[table]:
        once = f"DISTINCT ON ({', '.join(f'n.{key}' for key in keys)})"
        same = " AND ".join(f"t.{key} = n.{key}" for key in keys)
        required.append(f"NOT EXISTS (FROM {table} t WHERE {same})")
    ((inserted,),) = cursor.execute(
        f"INSERT INTO {table} BY NAME SELECT {once} n.* "
        f"FROM (SELECT {final} FROM (SELECT {checked} {rows})) n WHERE {' AND '.join(required)}"
    ).fetchall()
    counted = dict(zip(read, replaced, strict=True)) | dict.fromkeys(lost, inserted)
    if not keys:
        counted = {}  # vectors are computed again
    return {"rows": inserted, "lost": {name: rows for name, rows in counted.items() if rows}}


def _shape(cursor: Cursor, table: str) -> list[tuple[str, str, bool]]:
    """Names, types and nullability of the columns in the new database."""
    return cursor.execute(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE database_name = current_database() AND table_name = ?",
        [table],
    ).fetchall()


if __name__ == "__main__":
    main()
