"""Reads foreign learning databases: of the original design, of older versions, and damaged ones.

Such a file has a table `executions`, whose columns may have other types or another order, or be
missing; vectors of any length; and an HNSW index that may be broken. It is opened read-only and
without VSS, so that an index is never read. Values are read as text, some rows at a time; rows that
can't be read are reported by their numbers, and reading continues after them.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_learning.errors import (
    InvalidInput,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreTooNew,
)
from mcp_learning.models.fields import MAX_STORED_METADATA_BYTES
from mcp_learning.models.lessons import PastLesson
from mcp_learning.store.duckdb import lessons
from mcp_learning.store.duckdb.columns import FEEDBACK_TYPES, FORMER_NAMES, USE_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.damage import Batch, read_in_parts
from mcp_learning.store.duckdb.opening import lock_holder, raw_connection
from mcp_learning.store.duckdb.paths import identifier

logger = logging.getLogger(__name__)

BATCH = 1_024  # rows read at a time

LONGEST_VALUE = 25_000  # characters that are read; longer than any text of this version
_LONGEST_OBJECT = 3 * MAX_STORED_METADATA_BYTES  # the same of metadata, which may be all escapes
_SMALLEST = 16  # rows that are skipped together: an attempt at a damaged block takes milliseconds
_FRUITLESS = 2  # consecutive batches without a readable row, after which none is divided
_WITH_LESSONS = 8  # first schema version with lessons
_MOST_LESSONS = 10_000

Row = dict[str, str | None]
"""Values as text by lower-case column name. Times are UTC, nested values are JSON."""

_DETAILS = {"feedback": tuple(FEEDBACK_TYPES), "uses": tuple(USE_TYPES)}
"""Columns of the tables that refer to executions, in databases of this package."""


@dataclass(frozen=True)
class Layout:
    """The layout of a file.

    Attributes:
        rows: Number of executions.
        columns: SQL type of each column of `executions` by lower-case name.
        vectors: Names of the columns that hold vectors; they are never read.
        hnsw_indexes: Names of its HNSW indexes.
        schema_version: Of a database of this package; 0 for any other.
        log_lost: Whether the write-ahead log can't be replayed, so that its content is missing.
    """

    rows: int
    columns: dict[str, str]
    vectors: tuple[str, ...]
    hnsw_indexes: tuple[str, ...]
    schema_version: int
    log_lost: bool = False


@contextmanager
def open_legacy(path: Path) -> Iterator["LegacyDatabase"]:
    """Opens a database, which isn't changed; blocks.

    Raises:
        InvalidInput: There is no such file, or no table `executions` with descriptions in it.
        StoreLocked: Another process has it open.
        StoreDamaged: It is no DuckDB database, or nothing of it can be read.
        StoreError: It can't be read for another reason.
    """
    if not path.is_file():
        raise InvalidInput("path", f"{path} is not a file; give that of a DuckDB database")
    with ExitStack() as copies:
        database = LegacyDatabase(path, copies)
        try:
            database.layout = database.read_layout()
            yield database
        finally:
            database.close()


class LegacyDatabase:
    """A database opened by `open_legacy`, with its `layout`.

    Closing `copies` removes the copy of it that may have to be made.
    """

    layout: Layout

    def __init__(self, path: Path, copies: ExitStack) -> None:
        self.path = path
        self._file = path
        self._copies = copies
        self._log_lost = False
        self._cursor: Cursor = self._connect()

    def close(self) -> None:
        """Closes the file."""
        with suppress(Exception):  # nothing was written
            self._cursor.close()

    def batches(self, columns: Sequence[str]) -> Iterator[Batch[Row]]:
        """Executions with those of `columns` that exist, in the order of their row numbers.

        Deleted rows leave gaps. A batch that can't be read is bisected.
        """
        names = [name for name in self.layout.columns if name in columns]
        values = ", ".join(self._as_text(name) for name in names)
        query = f"SELECT {values} FROM executions WHERE rowid BETWEEN ? AND ? ORDER BY rowid"

        def read(first: int, last: int) -> list[Row]:
            return [dict(zip(names, row, strict=True)) for row in self._fetch(query, [first, last])]

        end = self._number("SELECT coalesce(max(rowid), -1) FROM executions") + 1
        fruitless = 0
        for first in range(0, end, BATCH):
            last = min(first + BATCH, end) - 1
            readable = False
            smallest = _SMALLEST if fruitless < _FRUITLESS else BATCH
            for part in read_in_parts(read, first, last, smallest=smallest):
                readable |= part.rows is not None
                if part.rows != []:
                    yield part
            fruitless = 0 if readable else fruitless + 1

    def details(self, table: str, first: int, last: int) -> list[Row]:
        """Rows of `feedback` or `uses` on executions `first` to `last`; none if unreadable."""
        version, names = self.layout.schema_version, _DETAILS[table]
        if version == 0:
            return []
        stored = {name: FORMER_NAMES.get(name, name) if version < 3 else name for name in names}
        source = FORMER_NAMES.get(table, table) if version < 3 else table
        values = ", ".join(f"left(d.{stored[name]}::VARCHAR, {LONGEST_VALUE})" for name in names)
        try:
            rows = self._fetch(
                f"SELECT {values} FROM {source} d WHERE d.task_id IN "
                "(SELECT task_id FROM executions WHERE rowid BETWEEN ? AND ?)",
                [first, last],
            )
        except StoreError as error:
            logger.warning("%s of %s can't be read: %s", table, self.path, error)
            return []
        return [dict(zip(names, row, strict=True)) for row in rows]

    def lessons(self) -> list[PastLesson]:
        """Lessons of a database of this package; none if they can't be read."""
        import duckdb

        if self.layout.schema_version < _WITH_LESSONS:
            return []
        try:
            return lessons.export_page(self._cursor, 0, _MOST_LESSONS)
        except (duckdb.Error, ValueError) as error:
            logger.warning("lessons of %s can't be read: %s", self.path, error)
            return []

    def _as_text(self, name: str) -> str:
        column, kind = identifier(name), self.layout.columns[name]
        if kind == "TIMESTAMP WITH TIME ZONE":  # its text would depend on a time zone
            column = f"make_timestamp(epoch_us({column}))"
        elif kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
            column = f"to_json({column})"
        longest = _LONGEST_OBJECT if name == "metadata" else LONGEST_VALUE
        return f"left({column}::VARCHAR, {longest})"

    def read_layout(self) -> Layout:
        """The layout of the file."""
        tables = self._fetch(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' "
            "AND NOT internal AND database_name = current_database()"
        )
        names = {row[0].lower() for row in tables}
        columns = {
            row[0].lower(): row[1]
            for row in self._fetch(
                "SELECT column_name, data_type FROM duckdb_columns() "
                "WHERE lower(table_name) = 'executions' AND schema_name = 'main' "
                "AND database_name = current_database() ORDER BY column_index"
            )
        }
        if "executions" not in names or "task_description" not in columns:
            raise InvalidInput(
                "path",
                f"{self.path} has no table executions with a column task_description; give the "
                "file of a learning database",
            )
        ours = {"schema_version", "feedback"} <= names
        version = "SELECT coalesce(max(version), 0) FROM schema_version"
        return Layout(
            rows=self._number("SELECT count(*) FROM executions"),
            columns=columns,
            vectors=tuple(
                name
                for name, kind in columns.items()
                if kind.startswith(("FLOAT[", "DOUBLE[", "REAL["))
            ),
            hnsw_indexes=tuple(
                row[0]
                for row in self._fetch("SELECT index_name, sql FROM duckdb_indexes()")
                if "USING HNSW" in str(row[1]).upper()
            ),
            schema_version=self._number(version) if ours else 0,
            log_lost=self._log_lost,
        )

    def _number(self, query: str) -> int:
        return int(self._fetch(query)[0][0])

    def _fetch(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            StoreDamaged: They can't be read; the next query may be.
        """
        import duckdb

        try:
            return self._cursor.execute(query, list(values)).fetchall()
        except duckdb.Error as error:
            logger.info("%s: %s", self.path, error)
            if isinstance(error, (duckdb.FatalException, duckdb.InternalException)):
                self._cursor.close()
                self._cursor = self._connect()
            raise StoreDamaged(f"{self.path} is damaged there") from error

    def _connect(self) -> Cursor:
        """Opens the file, or a copy if its log has to be replayed.

        To replay a log that creates an index DuckDB writes to the file, even if opened read-only.
        """
        import duckdb

        try:
            return raw_connection(
                self._file, 512, read_only=self._file == self.path, is_foreign=True
            )
        except duckdb.Error as error:
            if self._file != self.path or "WAL" not in str(error):
                raise _explain(self.path, str(error)) from error
        copy = Path(self._copies.enter_context(tempfile.TemporaryDirectory(prefix="mcp-learning-")))
        self._file = copy / "legacy.duckdb"
        log = self.path.with_name(self.path.name + ".wal")
        try:
            shutil.copyfile(self.path, self._file)
            shutil.copyfile(log, self._file.with_name("legacy.duckdb.wal"))
            return raw_connection(self._file, 512, is_foreign=True)
        except duckdb.Error as error:
            logger.warning("the log of %s can't be replayed: %s", self.path, error)
        except OSError as error:
            raise StoreFull(f"{self.path} can't be copied to {copy}: {error.strerror}") from error
        self._log_lost = True
        self._file.with_name("legacy.duckdb.wal").unlink()
        try:
            shutil.copyfile(self.path, self._file)
            return raw_connection(self._file, 512, is_foreign=True)
        except duckdb.Error as error:
            raise _explain(self.path, str(error)) from error


def _explain(path: Path, text: str) -> StoreError:
    if who := lock_holder(text):
        return StoreLocked(f"{path} is open in {who}; end that first, or give a copy of the file")
    if "Permission denied" in text:
        return StoreError(f"{path} can't be read; change its permissions")
    if "older version of DuckDB" in text or "old version of DuckDB" in text:
        return StoreError(
            f"{path} was written by a DuckDB older than 0.10; export it with that version "
            "(COPY executions TO 'executions.parquet') and import the Parquet file"
        )
    if "we can only read versions between" in text or "newer version of DuckDB" in text:
        return StoreTooNew(f"{path} was written by a newer DuckDB; update mcp-learning to read it")
    return StoreDamaged(f"{path} is damaged or not a DuckDB database; nothing can be read of it")
