"""Helpers for queries: a single number, a single column, rows from JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_learning.store.duckdb.connection import Cursor

JSON_ROWS = "(SELECT unnest(json_extract(?, '$[*]')) AS row)"
"""Rows of one JSON object each, `row`, out of a bound array (`executions.json_arrays`)."""


def from_json(types: Mapping[str, str]) -> dict[str, str]:
    """The value of each column out of `row`, by name; a third less time than `from_json` in SQL."""
    return {name: f"json_extract_string(row, '$.{name}')::{kind}" for name, kind in types.items()}


def selected(values: Mapping[str, str]) -> str:
    """Expressions as columns of these names."""
    return ", ".join(f"{value} AS {name}" for name, value in values.items())


def assigned(values: Mapping[str, str]) -> str:
    """Expressions as the right sides of an UPDATE, whose row is found by `task_id`."""
    return ", ".join(f"{name} = {value}" for name, value in values.items() if name != "task_id")


def where(*conditions: tuple[str, object | None]) -> tuple[list[str], list[object]]:
    """Those of the conditions whose value isn't None, and the values."""
    given = [(condition, value) for condition, value in conditions if value is not None]
    return [condition for condition, _ in given], [value for _, value in given]


def number(cursor: Cursor, query: str, values: Sequence[object] = ()) -> int:
    """The only number that a query gives; 0 without a row."""
    row = cursor.execute(query, list(values)).fetchone()
    return int(row[0]) if row else 0


def column(cursor: Cursor, query: str, values: Sequence[object] = ()) -> list[Any]:
    """The first value of each row."""
    return [row[0] for row in cursor.execute(query, list(values)).fetchall()]
