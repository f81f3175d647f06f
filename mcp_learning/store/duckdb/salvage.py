"""Saves what can be read of a damaged database into a new one.

Every table is read by ranges of rows. A range that can't be read is halved, down to what DuckDB
reads at once; there, a column that can't be read is given up and the others are saved. What is left
out is counted. Vectors that are lost are only work: the execution goes into the embedding queue.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_learning.store.duckdb import error_texts, migrations
from mcp_learning.store.duckdb.columns import FORMER_NAMES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.files import discard
from mcp_learning.store.duckdb.opening import connect
from mcp_learning.store.duckdb.patches import Patched, readable

logger = logging.getLogger(__name__)

ROW_GROUP = 122_880
"""Rows that DuckDB keeps together."""

VECTOR = 2_048
"""Rows that it reads at once."""

_NOW = "now() AT TIME ZONE 'UTC'"
_SUBSTITUTES = {
    "executions": {
        "task_id": "uuid()",
        "timestamp": _NOW,
        "task_type": "'unknown'",
        "updated_at": _NOW,
        "sequence": "0",
        "task_key": "0",
    },
    "feedback": {"feedback_id": "uuid()", "submitted_at": _NOW},
    "uses": {"recorded_at": _NOW},
}
"""What stands in, by table and column, for a required value that is lost. For a description it is
the solution or the error. Without a substitute, the row is lost."""

_KEYS = {
    "executions": ("task_id",),
    "embeddings": ("task_id",),
    "embeddings_next": ("task_id",),
    "feedback": ("feedback_id",),
    "uses": ("task_id", "used_task_id"),
    "recall_counts": ("task_id",),
}
_DERIVED = ("embeddings", "embeddings_next")
"""Tables whose rows are saved whole or not at all."""

_COMPUTED_ANEW = ("error_text",)


@dataclass
class Saved:
    """What became of one table: its rows before, those saved, and columns lost for some of them."""

    expected: int
    rows: int = 0
    incomplete: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Salvaged:
    """What was saved, by table, and what had to be mended before the file could be opened."""

    tables: dict[str, Saved]
    mended: tuple[str, ...]


def salvage(damaged: Path, target: Path, task_key: Callable[[str], int]) -> Salvaged:
    """Fills a new database with what can be read of another, which isn't changed.

    Args:
        damaged: A database file, perhaps with a log beside it, that nobody uses.
        target: Where the new one is made, beside it if need be the damaged one is mended.
        task_key: The key of a description, for executions whose own is lost.

    Raises:
        StoreError: It can't be opened, mended or not: nothing can be saved.
    """
    discard(target)
    try:
        with readable(damaged, target) as source, closing(connect(target)) as new:
            target.chmod(0o600)
            migrations.apply(new)
            tables = {name: _save(source, new, name) for name in _KEYS}
            _reconcile(new, task_key)
            new.execute("CHECKPOINT")
        return Salvaged(tables, source.mended)
    except BaseException:
        discard(target)
        raise


def _save(source: Patched, new: Cursor, table: str) -> Saved:
    for stored in (table, FORMER_NAMES.get(table, table)):
        shape = source.ask(
            "SELECT (SELECT estimated_size FROM duckdb_tables() WHERE table_name = ?), "
            "list(column_name ORDER BY column_index) FROM duckdb_columns() WHERE table_name = ?",
            [stored, stored],
        )
        rows, present = shape[0] if shape else (None, None)
        if present:
            break
    else:
        return Saved(expected=0)
    saved = Saved(expected=int(rows or 0))
    types = _types(new, table)
    columns = {
        name: old
        for name in types
        for old in (name, FORMER_NAMES.get(name, name))
        if old in present and name not in _COMPUTED_ANEW
    }
    reader = _Reader(source, stored, columns, saved)
    end = _end(source, stored, saved.expected)
    for start in range(0, end, ROW_GROUP):
        for batch in reader.read(start, min(start + ROW_GROUP, end)):
            saved.rows += _insert(new, table, types, batch)
    return saved


def _types(new: Cursor, table: str) -> dict[str, str]:
    return dict(
        new.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? "
            "ORDER BY column_index",
            [table],
        ).fetchall()
    )


def _end(source: Patched, table: str, expected: int) -> int:
    """One more than the highest row number, which counts rows that were deleted, too."""
    found = source.ask(
        "SELECT max(row_group_id) FROM pragma_storage_info(?)", [table], otherwise=[(None,)]
    )
    groups = -1 if found[0][0] is None else int(found[0][0])
    return max(expected, (groups + 1) * ROW_GROUP)


class _Reader:
    """Reads a table range by range. Each batch is an Arrow table of the columns that it has."""

    def __init__(
        self, source: Patched, table: str, columns: Mapping[str, str], saved: Saved
    ) -> None:
        """`columns` has the names that the table has them under, by those of today."""
        self._source = source
        self._table = table
        self._columns = columns
        self._saved = saved

    def read(self, start: int, end: int) -> Iterator[Any]:
        """What can be read of the rows numbered `start` to `end` - 1."""
        batch = self._fetch(list(self._columns), start, end)
        if batch is not None:
            yield batch
        elif end - start > VECTOR:
            middle = start + max(1, (end - start) // VECTOR // 2) * VECTOR
            yield from self.read(start, middle)
            yield from self.read(middle, end)
        elif self._table not in _DERIVED:
            yield from self._by_column(start, end)

    def _by_column(self, start: int, end: int) -> Iterator[Any]:
        kept = [name for name in self._columns if self._fetch([name], start, end) is not None]
        batch = self._fetch(kept, start, end) if kept else None
        if batch is not None:
            for name in set(self._columns) - set(kept):
                self._saved.incomplete[name] = self._saved.incomplete.get(name, 0) + batch.num_rows
            yield batch

    def _fetch(self, columns: Sequence[str], start: int, end: int) -> Any:
        names = ", ".join(f'"{self._columns[name]}" AS "{name}"' for name in columns)
        return self._source.arrow(
            f'SELECT {names} FROM "{self._table}" WHERE rowid >= {start:d} AND rowid < {end:d}'
        )


def _insert(new: Cursor, table: str, types: dict[str, str], batch: Any) -> int:
    """Adds the rows that have what is required, each key once; returns how many."""
    present = set(batch.column_names)
    given = {name: f'b."{name}"::{kind}' for name, kind in types.items() if name in present}
    for name, substitute in _SUBSTITUTES.get(table, {}).items():
        given[name] = f"coalesce({given[name]}, {substitute})" if name in given else substitute
    if table == "executions" and "task_description" not in given:
        others = [f"b.{name}" for name in ("solution_summary", "error_message") if name in present]
        if others:
            given |= {"task_description": f"coalesce({', '.join(others)})", "task_key": "0"}
    required = _required(new, table)
    if not set(required) <= given.keys():
        return 0
    new.register("batch", batch)
    keys = " AND ".join(f"t.{key} = n.{key}" for key in _KEYS[table])
    unique = ", ".join(f"n.{key}" for key in _KEYS[table])
    selected = ", ".join(f"{value} AS {name}" for name, value in given.items())
    row = new.execute(
        f"INSERT INTO {table} BY NAME SELECT DISTINCT ON ({unique}) n.* "
        f"FROM (SELECT {selected} FROM batch b) n "
        f"WHERE NOT EXISTS (FROM {table} t WHERE {keys}) "
        f"AND {' AND '.join(f'n.{name} IS NOT NULL' for name in required)}"
    ).fetchone()
    new.unregister("batch")
    return int(row[0]) if row else 0


def _required(new: Cursor, table: str) -> list[str]:
    rows = new.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND NOT is_nullable", [table]
    ).fetchall()
    return [row[0] for row in rows]


def _reconcile(new: Cursor, task_key: Callable[[str], int]) -> None:
    """Makes the tables fit each other, and the sequences go on after what is there."""
    for table in _DERIVED:
        new.execute(
            f"DELETE FROM {table} WHERE task_id NOT IN "
            "(SELECT task_id FROM executions WHERE task_key <> 0)"
        )
    new.execute("DELETE FROM recall_counts WHERE task_id NOT IN (SELECT task_id FROM executions)")
    new.execute(
        "UPDATE executions SET sequence = n.number FROM (SELECT task_id, "
        "(SELECT max(sequence) FROM executions) + row_number() OVER () AS number "
        "FROM executions WHERE sequence <= 0) n WHERE executions.task_id = n.task_id"
    )
    _give_keys(new, task_key)
    error_texts.add_missing(new)
    for sequence, table, column in (
        ("execution_sequence", "executions", "sequence"),
        ("embedding_version", "embeddings", "version"),
    ):
        row = new.execute(f"SELECT coalesce(max({column}), 0) + 1 FROM {table}").fetchone()
        start = int(row[0]) if row else 1
        new.execute(f"CREATE OR REPLACE SEQUENCE {sequence} START {start}")


def _give_keys(new: Cursor, task_key: Callable[[str], int]) -> None:
    import pyarrow as pa

    rows = new.execute(
        "SELECT task_id::VARCHAR, task_description FROM executions WHERE task_key = 0"
    ).fetchall()
    if not rows:
        return
    keys = [task_key(description) for _, description in rows]
    new.register("keys", pa.table({"id": [row[0] for row in rows], "key": keys}))
    new.execute("UPDATE executions SET task_key = k.key FROM keys k WHERE task_id = k.id::UUID")
    new.unregister("keys")
