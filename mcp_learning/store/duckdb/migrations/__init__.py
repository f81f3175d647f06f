"""Schema migrations: numbered `.sql` files, applied in order.

`pending` only reads. `apply` runs each migration, the code that fills its new columns, and its
record in `schema_version` in one transaction: after a failure or a crash the database is at the
last complete version, with all its rows, and the next `apply` continues from there. A new database
gets all migrations in one transaction, since each commit takes milliseconds.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mcp_learning.errors import StoreError, StoreTooNew
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import embeddings, normal_forms, verdicts
from mcp_learning.store.duckdb.connection import Cursor, Database, roll_back
from mcp_learning.store.duckdb.queries import column, number

_VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS schema_version (
    version     INTEGER PRIMARY KEY,
    name        VARCHAR NOT NULL,
    applied_at  TIMESTAMP NOT NULL
)
"""


class Migration(NamedTuple):
    """One migration.

    Attributes:
        version: Its number.
        name: Its name, from the file's name.
        sql: Its statements.
        make: Then creates tables whose columns depend on the database; None: there are none.
        fill: Then computes values of existing rows, not in a new database; None: there are none.
    """

    version: int
    name: str
    sql: str
    make: Callable[[Cursor], None] | None = None
    fill: Callable[[Cursor], None] | None = None


_MAKE = {5: embeddings.add_passages}
_FILL = {3: normal_forms.normalise, 4: normal_forms.normalise, 7: verdicts.add_missing}


@cache
def known() -> tuple[Migration, ...]:
    """All migrations of this package, in order."""
    found = (
        Migration(
            version := int(match[1]),
            match[2],
            path.read_text(encoding="utf-8"),
            _MAKE.get(version),
            _FILL.get(version),
        )
        for path in Path(__file__).parent.iterdir()
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name))
    )
    return tuple(sorted(found, key=lambda migration: migration.version))


def newest() -> int:
    """The schema version that this package makes."""
    return known()[-1].version


def current_version(cursor: Cursor) -> int:
    """The database's schema version; 0 if no version of this package made it. Only reads."""
    if not _relations(cursor) >= {"schema_version", "executions", "feedback"}:
        return 0
    return number(cursor, "SELECT coalesce(max(version), 0) FROM schema_version")


def _relations(cursor: Cursor) -> set[str]:
    """Names of the tables and views of the database."""
    query = (
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        "UNION ALL SELECT view_name FROM duckdb_views() "
        "WHERE database_name = current_database() AND NOT internal"
    )
    return set(column(cursor, query))


def pending(cursor: Cursor) -> tuple[Migration, ...]:
    """Migrations still to be applied, in order. Only reads.

    Raises:
        StoreTooNew: The database is at a version that this package doesn't know.
    """
    version = current_version(cursor)
    if version > newest():
        raise StoreTooNew(
            f"the database has schema version {version}, this mcp-learning knows {newest()}; "
            "update mcp-learning (nothing was changed)"
        )
    return tuple(migration for migration in known() if migration.version > version)


def apply(cursor: Cursor) -> int:
    """Applies all pending migrations; returns the resulting version.

    Raises:
        StoreTooNew: The database is at a version that this package doesn't know.
        duckdb.Error: A migration failed; it was rolled back as a whole.
    """
    _apply_all(cursor, pending(cursor))
    return newest()


def _apply_all(cursor: Cursor, migrations: tuple[Migration, ...]) -> None:
    if migrations == known():
        _apply(cursor, migrations, is_new=True)
    else:
        for migration in migrations:
            _apply(cursor, (migration,))


def _apply(cursor: Cursor, migrations: Sequence[Migration], *, is_new: bool = False) -> None:
    cursor.execute("BEGIN")
    try:
        cursor.execute(_VERSION_TABLE)
        for migration in migrations:
            cursor.execute(migration.sql)
            if migration.make is not None:
                migration.make(cursor)
            if migration.fill is not None and not is_new:
                migration.fill(cursor)
        applied = ", ".join(f"({one.version}, '{one.name}')" for one in migrations)
        cursor.execute(
            f"INSERT INTO schema_version SELECT *, now() AT TIME ZONE 'UTC' FROM (VALUES {applied})"
        )
        cursor.execute("COMMIT")
    except BaseException:
        roll_back(cursor)
        raise


def refuse_other_design(cursor: Cursor) -> None:
    """Refuses a database that isn't empty, and that this package didn't make.

    Raises:
        StoreError: It is of the original design and has to be upgraded; or of another program.
    """
    if current_version(cursor) or not (relations := _relations(cursor)):
        return
    if "executions" in relations:
        raise StoreError(
            "the database is a learning database of another design; nothing was changed: run "
            "`mcp-learning upgrade`, which keeps a copy"
        )
    names = sorted(relations)
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    raise StoreError(
        f"the database belongs to another program (it holds {shown}); nothing was changed: set "
        "MCP_LEARNING_DATA_DIR to another directory"
    )


def open_database(settings: Settings, path: Path | None = None) -> Database:
    """The database of these settings, or another file; migrated whenever it is opened."""
    file = path or settings.database_path

    def migrate(cursor: Cursor) -> None:
        try:
            todo = pending(cursor)
            if todo == known():
                refuse_other_design(cursor)
            _apply_all(cursor, todo)
        except StoreError as error:
            raise type(error)(f"{file}: {error}") from error

    return Database(file, memory_limit_mb=settings.memory_limit_mb, prepare=migrate)
