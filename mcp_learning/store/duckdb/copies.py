"""Whole copies of a database: made while others write, read to the last block, compared.

`DatabaseContents` tells what a database holds: per table, how many rows and the sum of their
hashes. Reading for it touches every block, and DuckDB checks the checksum of each block it reads.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from mcp_learning.errors import StoreDamaged, StoreError, StoreFull
from mcp_learning.store.duckdb import migrations
from mcp_learning.store.duckdb.connection import Cursor, roll_back
from mcp_learning.store.duckdb.files import discard, synchronise
from mcp_learning.store.duckdb.opening import connect, in_plain_words, is_full, refuse_truncated
from mcp_learning.store.duckdb.paths import database_literal, identifier
from mcp_learning.store.duckdb.queries import column


class DatabaseContents(NamedTuple):
    """What a database holds: its schema version, 0 if it has none of this package's, and tables.

    Of each table, the number of rows, and the sum of their hashes in any order.
    """

    version: int
    tables: Mapping[str, tuple[int, int]]

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by table."""
        return {name: number for name, (number, _) in self.tables.items()}


def contents(cursor: Cursor) -> DatabaseContents:
    """Reads all of the database that the cursor is on."""
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
    """Writes all of the database, as of one moment, into a new file without free space.

    Sequences go on in the copy where they are here. The file is on the disk and closed on return;
    whatever fails, none is left.

    Returns:
        What the copy has to hold.

    Raises:
        StoreDamaged: It holds something else.
        StoreFull: There is no room for it.
        OSError: It can't be made.
        duckdb.Error: This database can't be read.
    """
    import duckdb

    discard(target)
    target.touch()  # where that fails, the reason is plain
    target.unlink()
    try:
        held = _copy(cursor, target)
        synchronise(target)
        if examine(target) != held:
            raise StoreDamaged(f"the copy {target} is not what was written; check the disk")
    except duckdb.Error as error:
        discard(target)
        if is_full(error):
            raise StoreFull(
                f"no room left on the disk of {target}; free some space, then repeat the call"
            ) from error
        raise
    except BaseException:
        discard(target)
        raise
    return held


def examine(path: Path, memory_limit_mb: int = 128) -> DatabaseContents:
    """Opens a database file that nobody uses, without changing it, and reads all of it.

    Raises:
        StoreDamaged: Some of it can't be read.
        StoreError: It can't be opened.
    """
    with opened(path, memory_limit_mb) as cursor:
        return contents(cursor)


@contextmanager
def opened(path: Path, memory_limit_mb: int = 128) -> Iterator[Cursor]:
    """A cursor on a database file, only for reading; what was logged beside it is seen.

    Raises:
        StoreDamaged: It is cut short, or what is read in the context can't be read.
        StoreError: It can't be opened.
    """
    import duckdb

    if not path.is_file():
        raise StoreError(f"there is no file {path}")
    with closing(connect(path, memory_limit_mb, read_only=True)) as root:
        refuse_truncated(root, path)
        try:
            yield root
        except duckdb.Error as error:
            raise in_plain_words(path, error) from error


def _copy(cursor: Cursor, target: Path) -> DatabaseContents:
    row = cursor.execute("SELECT current_database()").fetchone()
    source = str(row[0]) if row else ""
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
