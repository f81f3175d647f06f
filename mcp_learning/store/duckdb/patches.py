"""Opens a damaged database for reading, mending a copy of it where DuckDB refuses to open it.

DuckDB's file begins with three blocks of 4,096 bytes: a main header, and two headers that are
written in turns at each checkpoint; then come the blocks of data. Each has a checksum. A damaged
header is replaced: the main one by that of a new database, one of the others by its twin. If the
twin is the older one, the database is as of the last checkpoint but one. A log with a damaged entry
is cut there.
"""

import logging
import os
import re
import shutil
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp_learning.errors import StoreDamaged, StoreLocked, StoreTooNew
from mcp_learning.store.duckdb.files import discard, wal_of
from mcp_learning.store.duckdb.opening import connect

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor
else:
    Cursor = Any

logger = logging.getLogger(__name__)

HEADER = 4_096
"""Bytes of each of the three headers."""

_CUT = re.compile(r"entry at byte position (\d+)")


class Patched:
    """A damaged database that is open for reading. An error closes no more than the instance.

    Attributes:
        mended: What had to be mended in the copy that is read, in words.
    """

    def __init__(self, path: Path, mended: tuple[str, ...]) -> None:
        self.mended = mended
        self._path = path
        self._cursor: Cursor | None = connect(path, read_only=True)

    def ask(self, query: str, values: list[Any], otherwise: Any = ()) -> list[tuple[Any, ...]]:
        """Rows of a query, or `otherwise` if they can't be read."""
        found = self._try(lambda cursor: cursor.execute(query, values).fetchall())
        return list(otherwise) if found is None else found

    def arrow(self, query: str) -> Any:
        """An Arrow table, or None if it can't be read."""
        return self._try(lambda cursor: cursor.execute(query).to_arrow_table())

    def close(self) -> None:
        """Closes the file."""
        if self._cursor is not None:
            self._cursor.close()

    def _try(self, fn: Any) -> Any:
        import duckdb

        try:
            if self._cursor is None:
                self._cursor = connect(self._path, read_only=True)
            return fn(self._cursor)
        except (duckdb.FatalException, duckdb.InternalException):
            self.close()
            self._cursor = None  # the instance is spent; the next question opens another
        except duckdb.Error as error:
            logger.debug("can't be read: %s", error)
        return None


@contextmanager
def readable(damaged: Path, target: Path) -> Iterator[Patched]:
    """The database, or a mended copy of it beside `target`, which is removed in the end.

    Raises:
        StoreDamaged: It can't be opened, mended or not.
        StoreLocked: Another program has it open.
    """
    mending = target.with_name(f"{target.name}.mending")
    try:
        with closing(_open(damaged, mending)) as source:
            yield source
    finally:
        discard(mending)


def _open(damaged: Path, mending: Path) -> Patched:
    with suppress(StoreDamaged):
        return Patched(damaged, ())
    template = _template(mending)
    for name, mend in _MENDS.items():
        _copy(damaged, mending)
        try:
            mend(mending, template)
            mended = [name] if name else []
            while True:
                try:
                    return Patched(mending, tuple(mended))
                except StoreDamaged as error:
                    if (cut := _cut_log(mending, error)) is None:
                        raise
                    mended.append(cut)
        except (StoreLocked, StoreTooNew):
            raise
        except (StoreDamaged, struct.error, OSError) as error:
            logger.debug("not mended by %r: %s", name, error)
    raise StoreDamaged(
        f"nothing can be read of {damaged}, not even its list of tables; it was left untouched: "
        "restore a backup"
    )


def _copy(damaged: Path, mending: Path) -> None:
    discard(mending)
    shutil.copyfile(damaged, mending)
    if wal_of(damaged).exists():
        shutil.copyfile(wal_of(damaged), wal_of(mending))
    with mending.open("ab") as file:  # a file of less than its headers is refused before they are
        missing = 3 * HEADER - file.tell()
        if missing > 0:
            file.write(b"\0" * missing)


def _template(mending: Path) -> bytes:
    """The main header of a new database."""
    discard(mending)
    with closing(connect(mending)):
        pass
    return mending.read_bytes()[:HEADER]


def _cut_log(mending: Path, error: StoreDamaged) -> str | None:
    found = _CUT.search(str(error.__cause__))
    if not found:
        return None
    log, at = wal_of(mending), int(found[1])
    if not log.exists() or log.stat().st_size <= at:
        return None
    lost = log.stat().st_size - at
    os.truncate(log, at)
    return f"the last {lost:,} bytes of the log are damaged and were left out"


def _nothing(_: Path, __: bytes) -> None:
    pass


def _main_header(path: Path, template: bytes) -> None:
    _overwrite(path, 0, template)


def _twin(path: Path, template: bytes, *, kept: int) -> None:
    """Replaces one of the alternating headers by the one numbered `kept`, 1 or 2."""
    lost = 3 - kept
    whole = path.read_bytes()[: 3 * HEADER]
    iterations = {
        number: struct.unpack_from("<Q", whole, number * HEADER + 8)[0] for number in (kept, lost)
    }
    _overwrite(path, 0, template)
    _overwrite(path, lost * HEADER, whole[kept * HEADER : (kept + 1) * HEADER])
    if iterations[lost] != iterations[kept] - 1:
        wal_of(path).unlink(missing_ok=True)  # it follows a checkpoint that is lost


def _overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


_MENDS: dict[str, Any] = {
    "": _nothing,
    "the file's header was replaced": _main_header,
    "the second checkpoint header was replaced by the first": partial(_twin, kept=1),
    "the first checkpoint header was replaced by the second": partial(_twin, kept=2),
}
"""In this order, each on a fresh copy."""
