"""Reads and writes Parquet files with an in-memory DuckDB. Every function blocks.

DuckDB verifies no checksums of pages: it detects damage only if a page can't be decompressed or
decoded. So files that are written here have a checksum for each row group, which is verified.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, Self

from mcp_learning.errors import StoreDamaged, StoreError, StoreFull
from mcp_learning.store.duckdb import checksums
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.damage import Batch, read_in_parts
from mcp_learning.store.duckdb.files import rename_durably
from mcp_learning.store.duckdb.opening import connect, is_full
from mcp_learning.store.duckdb.paths import identifier, pattern

BATCH = 500  # rows that are read at a time
SMALLEST_LOSS = 16  # rows that are skipped together when one of them can't be read

FAILED_READS = 64
"""Most failed reads of a damaged row group before its parts are no longer divided."""

ROW_GROUP = 2_048
"""Rows of a row group that is written; few, since a whole row group is held in memory."""

LARGEST_ROW = 64 * 2**20  # bytes of the largest row that can be written, as JSON


Values = tuple[Any, ...]  # of a row


class ParquetFile:
    """A Parquet file, open for reading.

    Attributes:
        columns: The SQL type of each column by its name.
        row_groups: The number of rows of each row group.
        extents: The offset and the length of each row group in the file, in bytes.

    Raises:
        StoreDamaged: It is not a Parquet file, or is cut short.
    """

    def __init__(self, path: Path) -> None:
        self._pattern = pattern(path)
        self._connection = _connected()
        try:
            described = self._all("DESCRIBE SELECT * FROM read_parquet(?, hive_partitioning=false)")
            groups = self._all(
                "SELECT any_value(row_group_num_rows), "
                "coalesce(min(least(dictionary_page_offset, data_page_offset)), 0), "
                "coalesce(sum(total_compressed_size), 0) "
                "FROM parquet_metadata(?) GROUP BY row_group_id ORDER BY row_group_id"
            )
        except BaseException:
            self._connection.close()
            raise
        self.columns = {str(name): str(kind) for name, kind, *_ in described}
        self.row_groups = [int(rows) for rows, *_ in groups]
        self.extents = [(int(offset), int(length)) for _, offset, length in groups]
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(self.row_groups)

    def batches(self, columns: Sequence[str]) -> Iterator[Batch[Values]]:
        """All rows in their order, with the values of `columns`; other columns are not read.

        Times are datetimes in UTC without a time zone; one outside of Python's years is a text.
        A row group that differs from its checksum is not read. If reading fails, the rest of that
        row group is bisected to find the rows that can't be read, and reading continues after it.
        """
        values = ", ".join(self._value(name) for name in columns)
        for start, end, is_intact in self._ranges():
            if not is_intact:
                yield Batch(start, end - 1, None, "differs from its checksum")
                continue
            while start < end:
                try:
                    for batch in self._streamed(values, start, end):
                        yield batch
                        start = batch.last + 1
                    break
                except StoreDamaged:
                    stop = next(stop for stop in accumulate(self.row_groups) if stop > start)
                    read = partial(self._read, values)
                    yield from read_in_parts(
                        read, start, stop - 1, smallest=SMALLEST_LOSS, most_failures=FAILED_READS
                    )
                    start = stop

    def _ranges(self) -> Iterator[tuple[int, int, bool]]:
        """Ranges of consecutive row groups: first row, the row after the last, whether intact."""
        damaged = checksums.damaged(self._path, self.extents)
        start = 0
        for is_intact, groups in groupby(
            enumerate(self.row_groups), lambda group: group[0] not in damaged
        ):
            end = start + sum(rows for _, rows in groups)
            yield start, end, is_intact
            start = end

    def _streamed(self, values: str, start: int, end: int) -> Iterator[Batch[Values]]:
        with self._readable():
            cursor = self._selected(values, start, end)
        while True:
            with self._readable():
                rows = cursor.fetchmany(BATCH)
            if not rows:
                return
            yield Batch(start, start + len(rows) - 1, rows)
            start += len(rows)

    def _read(self, values: str, first: int, last: int) -> list[Values]:
        with self._readable():
            return self._selected(values, first, last + 1).fetchall()

    def _selected(self, values: str, start: int, end: int) -> Cursor:
        if end - start == self.rows:  # without the option: a column may have its name
            return self._connection.execute(
                f"SELECT {values} FROM read_parquet(?, hive_partitioning=false)", [self._pattern]
            )
        return self._connection.execute(
            f"SELECT {values} "
            "FROM read_parquet(?, hive_partitioning=false, file_row_number=true) "
            "WHERE file_row_number BETWEEN ? AND ?",
            [self._pattern, start, end - 1],
        )

    def _all(self, query: str) -> list[tuple[Any, ...]]:
        with self._readable():
            return self._connection.execute(query, [self._pattern]).fetchall()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Turns an error of DuckDB into a StoreDamaged with its first line."""
        import duckdb

        try:
            yield
        except (duckdb.Error, ValueError, OverflowError) as error:
            if isinstance(error, (duckdb.FatalException, duckdb.InternalException)):
                self._connection.close()
                self._connection = _connected()  # such an error makes the old one unusable
            raise StoreDamaged(_first_line(error)) from error

    def _value(self, name: str) -> str:
        """A column in SQL; times without a time zone, for which Python would need pytz."""
        column, kind = identifier(name), self.columns[name]
        plain = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
        return column if plain == kind else f"{column}::{plain}"


def write(path: Path, columns: Mapping[str, str], lines: Path) -> None:
    """Writes a Parquet file, compressed with zstd, with a checksum for each row group.

    The file is private to the user, and in its place only when it is complete. Rows are JSON
    objects, one per line of `lines`; a column that a row doesn't have is null.

    Raises:
        StoreFull: The disk has no room left.
        StoreError: It can't be written.
    """
    import duckdb

    types = ", ".join(f"{identifier(name)}: '{kind}'" for name, kind in columns.items())
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    connection = _connected()
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
        connection.sql(
            f"FROM read_json(?, format='newline_delimited', columns={{{types}}}, "
            "hive_partitioning=false, maximum_object_size=?)",
            params=[pattern(lines), LARGEST_ROW],
        ).write_parquet(
            str(unfinished.absolute()),
            compression="zstd",
            row_group_size=ROW_GROUP,
            use_tmp_file=False,
        )
        with ParquetFile(unfinished) as written:
            checksums.append(unfinished, written.extents)
        rename_durably(unfinished, path)
    except (duckdb.Error, OSError) as error:
        kind = StoreFull if is_full(error) else StoreError
        reason = error.strerror if isinstance(error, OSError) else _first_line(error)
        raise kind(f"{path} can't be written: {reason}") from error
    finally:
        connection.close()
        unfinished.unlink(missing_ok=True)


def _connected() -> Cursor:
    connection = connect(None)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_file_cache = false")  # would keep the files in memory
    return connection


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
