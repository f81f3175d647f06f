"""The schema: complete, reached in whole steps, and plain DuckDB."""

import struct
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from store.rows import execution, migrated

from mcp_learning.errors import StoreTooNew
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import executions, migrations
from mcp_learning.store.duckdb.columns import COLUMN_TYPES, FEEDBACK_TYPES, USE_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.migrations import Migration, open_database

ORIGINAL_COLUMNS = {
    "task_id": "UUID",
    "timestamp": "TIMESTAMP",
    "task_type": "VARCHAR",
    "task_description": "VARCHAR",
    "repo": "VARCHAR",
    "file_count": "INTEGER",
    "estimated_tokens": "BIGINT",
    "model_tier": "VARCHAR",
    "pool_type": "VARCHAR",
    "swarm_topology": "VARCHAR",
    "routing_confidence": "DOUBLE",
    "complexity_score": "DOUBLE",
    "success": "BOOLEAN",
    "duration_seconds": "DOUBLE",
    "quality_score": "DOUBLE",
    "cost_estimate": "DOUBLE",
    "actual_cost": "DOUBLE",
    "error_type": "VARCHAR",
    "error_message": "VARCHAR",
    "user_accepted": "BOOLEAN",
    "user_rating": "INTEGER",
    "peak_memory_mb": "DOUBLE",
    "cpu_time_seconds": "DOUBLE",
    "solution_summary": "VARCHAR",
    "metadata": "JSON",
    "uploaded_at": "TIMESTAMP",
}
BAD = "CREATE TABLE halfway (n INTEGER); DELETE FROM executions; INSERT INTO missing VALUES (1)"


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[Cursor]:
    with migrated(tmp_path / "learning.duckdb") as cursor:
        yield cursor


def columns(cursor: Cursor, table: str) -> dict[str, str]:
    rows = cursor.execute(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? "
        "ORDER BY column_index",
        [table],
    ).fetchall()
    return dict(rows)


def tables(cursor: Cursor) -> list[str]:
    rows = cursor.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    return [row[0] for row in rows]


def with_one_more(monkeypatch: pytest.MonkeyPatch, sql: str) -> Migration:
    newest = migrations.known()[-1].version
    extra = Migration(newest + 1, "extra", sql)
    all_of_them = (*migrations.known(), extra)
    monkeypatch.setattr(migrations, "known", lambda: all_of_them)
    return extra


def test_migrations_are_numbered_without_gaps() -> None:
    versions = [migration.version for migration in migrations.known()]
    assert versions == list(range(1, len(versions) + 1))


def test_pending_only_reads(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "new.duckdb")) as cursor:
        assert migrations.pending(cursor) == migrations.known()
        assert migrations.current_version(cursor) == 0
        assert tables(cursor) == []


def test_all_migrations_make_all_columns_of_the_original_design(cursor: Cursor) -> None:
    made = columns(cursor, "executions")
    assert list(made.items())[: len(ORIGINAL_COLUMNS)] == list(ORIGINAL_COLUMNS.items())
    assert made.keys() - ORIGINAL_COLUMNS.keys() == {
        "approach",
        "updated_at",
        "sequence",
        "task_key",
        "error_text",
        "outcome_basis",
        "outcome_confidence",
        "session_id",
        "supersedes",
        "author",
    }
    assert columns(cursor, "embeddings")["embedding"] == "FLOAT[384]"
    assert set(tables(cursor)) == {
        "embeddings",
        "embeddings_next",
        "executions",
        "feedback",
        "uses",
        "passages",
        "passages_next",
        "recall_counts",
        "lessons",
        "lesson_evidence",
        "lesson_changes",
        "lesson_showings",
        "schema_version",
        "outbox",
        "team_mark",
        "fetched",
        "former_team",
        "team_roles",
    }


def test_the_columns_written_by_the_store_are_those_of_the_table(cursor: Cursor) -> None:
    made = columns(cursor, "executions")
    del made["sequence"]
    assert made == COLUMN_TYPES
    assert list(columns(cursor, "feedback").items()) == list(FEEDBACK_TYPES.items())
    assert list(columns(cursor, "uses").items()) == list(USE_TYPES.items())


def test_applying_again_changes_nothing(cursor: Cursor) -> None:
    before = cursor.execute("SELECT * FROM schema_version").fetchall()
    assert migrations.pending(cursor) == ()
    assert migrations.apply(cursor) == migrations.known()[-1].version
    assert cursor.execute("SELECT * FROM schema_version").fetchall() == before


def test_a_failing_migration_is_rolled_back_as_a_whole_and_applied_later(
    cursor: Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = execution()
    executions.insert(cursor, row)
    before = migrations.current_version(cursor)
    with monkeypatch.context() as patch:
        extra = with_one_more(patch, BAD)
        with pytest.raises(duckdb.CatalogException):
            migrations.apply(cursor)
        assert migrations.pending(cursor) == (extra,)
    assert migrations.current_version(cursor) == before
    assert "halfway" not in tables(cursor)
    assert executions.get(cursor, row.task_id) == row
    extra = with_one_more(monkeypatch, BAD.replace("missing", "halfway"))
    assert migrations.apply(cursor) == extra.version
    assert "halfway" in tables(cursor)
    assert executions.count(cursor) == 0


def test_a_newer_schema_is_refused_untouched(cursor: Cursor) -> None:
    cursor.execute("INSERT INTO schema_version VALUES (999, 'future', now()::TIMESTAMP)")
    before = cursor.execute("SELECT * FROM schema_version").fetchall()
    for refusing in (migrations.pending, migrations.apply):
        with pytest.raises(StoreTooNew, match=r"999.*update mcp-learning"):
            refusing(cursor)
    assert cursor.execute("SELECT * FROM schema_version").fetchall() == before


@pytest.mark.anyio
async def test_the_file_opens_in_plain_duckdb_and_in_older_ones(settings: Settings) -> None:
    row = execution(metadata={"a": [1]})
    database = open_database(settings)
    await database.write(lambda cursor: executions.insert(cursor, row))
    await database.close()
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(str(settings.database_path), read_only=True, config=config) as plain:
        assert executions.get(plain, row.task_id) == row
        tags = plain.execute("SELECT tags FROM duckdb_databases() WHERE NOT internal").fetchall()
        assert tags[0][0]["storage_version"].startswith("v1.")
        assert plain.execute("SELECT count(*) FROM duckdb_indexes()").fetchone() == (0,)
    # In the main header: 8 bytes of checksum, the magic bytes, then the storage version number.
    header = settings.database_path.read_bytes()[:20]
    assert struct.unpack("<8x4sQ", header) == (b"DUCK", 64)
