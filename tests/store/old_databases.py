"""The databases of earlier versions in `samples`, and what is in them, in today's names."""

import gzip
from pathlib import Path
from typing import Any

import duckdb

Rows = dict[str, list[tuple[Any, ...]]]
"""Of each table."""

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = {
    "schema-1": 1,
    "schema-2": 2,
    "schema-3": 3,
    "schema-5": 5,
    "schema-6": 6,
    "schema-7": 7,
    "schema-8": 8,
    "schema-9": 9,
    "schema-10": 10,
}
_LATER = "'outcome_basis', 'outcome_confidence', 'session_id', 'supersedes', 'author'"

_QUERIES = {
    "executions": (
        f"SELECT COLUMNS(c -> c NOT IN ('error_text', {_LATER})) FROM executions ORDER BY task_id"
    ),
    "embeddings": "FROM embeddings ORDER BY task_id",
    "feedback": "FROM feedback ORDER BY feedback_id",
    "uses": "FROM {uses} ORDER BY ALL",
    "recall_counts": "FROM {recall_counts} ORDER BY ALL",
}


RECORDED = (
    f"SELECT COLUMNS(c -> c NOT IN ('sequence', 'error_text', {_LATER})) "
    "FROM executions ORDER BY task_id"
)
"""Executions without their change numbers, and without what only later versions have."""


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a query on a database that nobody has open."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def put(sample: str, path: Path) -> None:
    """Writes a copy of a sample."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.decompress((SAMPLES / f"{sample}.duckdb.gz").read_bytes()))


def contents(path: Path) -> Rows:
    """All rows by table, without what a version computes from them."""
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
        old = {"uses": "recalls", "recall_counts": "returned"} if "recalls" in tables else {}
        found = {}
        for table, query in _QUERIES.items():
            stored = old.get(table, table)
            sql = query.format(**{table: stored})
            found[table] = connection.execute(sql).fetchall() if stored in tables else []
        return found


def version(path: Path) -> int:
    """The schema version."""
    return int(rows(path, "SELECT max(version) FROM schema_version")[0][0])


def error_texts(path: Path) -> list[tuple[str | None, str | None]]:
    """Message and error text of every execution; only since schema version 3."""
    return rows(path, "SELECT error_message, error_text FROM executions")
