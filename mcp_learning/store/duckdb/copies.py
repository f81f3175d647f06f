"""Copies of a whole database: made while it is in use, read back completely and compared.

`DatabaseContents` has, per table, the number of rows and the sum of their hashes. Computing it
reads every block, and DuckDB verifies the checksum of each block that it reads.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from mcp_learning.errors import StoreDamaged, StoreError
from mcp_learning.store.duckdb import migrations
from mcp_learning.store.duckdb.connection import Cursor, roll_back
from mcp_learning.store.duckdb.files import discard, fsync
from mcp_learning.store.duckdb.opening import (
    connect,
    is_full,
    no_room,
    read_error,
    refuse_truncated,
)
from mcp_learning.store.duckdb.paths import database_literal, identifier
from mcp_learning.store.duckdb.queries import column


class DatabaseContents(NamedTuple):
    """The contents of a database, for comparison with a copy.

    Attributes:
        version: Its schema version; 0 if this package didn't make it.
        tables: For each table the number of rows, and the sum of their hashes in any order.
    """

    version: int
    tables: Mapping[str, tuple[int, int]]

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by table."""
        return {name: number for name, (number, _) in self.tables.items()}


def contents(cursor: Cursor) -> DatabaseContents:
    """Reads the cursor's whole database."""
    names = column(
        cursor,
        "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() "
        "ORDER BY table_name",
    )
    tables = {}
    for name in names:
        query = f"SELECT count(*), coalesce(sum(hash(t)::HUGEINT), 0) FROM {identifier(name)} t"
        (tables[name],) = cursor.execute(query).fetchall()
    return DatabaseContents(migrations.current_version(cursor), tables)


def copy(cursor: Cursor, target: Path) -> DatabaseContents:
    """Writes a consistent copy of the database into a new file without free space.

    Sequences continue in the copy with the same numbers. The file is durable and closed on return;
    after any failure it is removed.

    Returns:
        The contents of both.

    Raises:
        StoreDamaged: The copy differs.
        StoreFull: The disk has no room for it.
        OSError: The file can't be created.
        duckdb.Error: This database can't be read.
    """
    import duckdb

    discard(target)
    target.touch()  # where that fails, the reason is plain
    target.unlink()
    try:
        held = _copy(cursor, target)
        fsync(target)
        if examine(target) != held:
            raise StoreDamaged(f"the copy {target} differs from what was written; check the disk")
    except BaseException as error:
        discard(target)
        if isinstance(error, duckdb.Error) and is_full(error):
            raise no_room(target) from error
        raise
    return held


def examine(path: Path) -> DatabaseContents:
    """Opens a database file that no process uses, read-only, and reads all of it.

    Raises:
        StoreDamaged: Some of it can't be read.
        StoreError: It can't be opened.
    """
    with open_read_only(path) as cursor:
        return contents(cursor)


@contextmanager
def open_read_only(path: Path) -> Iterator[Cursor]:
    """A read-only cursor on a database file and the log beside it.

    Raises:
        StoreDamaged: It is truncated, or a read in the context fails.
        StoreError: It can't be opened.
    """
    import duckdb

    if not path.is_file():
        raise StoreError(f"there is no file {path}")
    with closing(connect(path, 128, read_only=True)) as root:
        refuse_truncated(root, path)
        try:
            yield root
        except duckdb.Error as error:
            raise read_error(path, error) from error


def _copy(cursor: Cursor, target: Path) -> DatabaseContents:
    (source,) = column(cursor, "SELECT current_database()")
    alias = f"copy_{uuid4().hex}"
    cursor.execute(f"ATTACH {database_literal(target)} AS {alias} (STORAGE_VERSION 'v1.0.0')")
    try:
        target.chmod(0o600)
        cursor.execute("BEGIN")
        try:
            held = contents(cursor)
            cursor.execute(f"COPY FROM DATABASE {identifier(source)} TO {alias}")
            cursor.execute("COMMIT")
            cursor.execute(f"CHECKPOINT {alias}")
        except BaseException:
            roll_back(cursor)
            raise
    finally:
        cursor.execute(f"DETACH {alias}")
    return held
