"""Checks that the files that a database has open are still the files at its path.

DuckDB opens the database once. It opens the write-ahead log by its name at the first write after a
checkpoint, and removes it by its name at the next one, or when it closes. So if the directory was
moved and another one is there now, DuckDB would write to, or remove, the log of another database.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from mcp_learning.errors import StoreReplaced
from mcp_learning.store.duckdb.files import wal_of
from mcp_learning.store.duckdb.opening import Cursor

logger = logging.getLogger(__name__)

HEADER_BYTES = 3 * 4096
"""DuckDB's main header and its two alternating database headers. Only a checkpoint changes them."""


class _Status(NamedTuple):
    """The identity of a file, and attributes that change with its content."""

    device: int
    inode: int
    size: int
    modified: int

    @property
    def identity(self) -> tuple[int, int]:
        return self.device, self.inode


class OpenFiles:
    """The files of a database that was just opened. Used by the writer thread only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = wal_of(path)
        self._database = identity(path)
        # POSIX drops a process's locks on a file, DuckDB's among them, with the first descriptor
        # of it that the process closes: this one is closed after DuckDB's. On Windows it would be
        # refused, and a file that is open can't be replaced there.
        self._file = -1 if sys.platform == "win32" else os.open(path, os.O_RDONLY)
        self._note()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Context of a COMMIT or CHECKPOINT; records the files' new identities at its end."""
        try:
            yield
        finally:
            self._note()

    @property
    def moved(self) -> bool:
        """Whether another file than the database, or none, is at its path."""
        return identity(self._path) != self._database

    def verify(self) -> None:
        """Raises StoreReplaced if the next write would go to another database."""
        if self.moved or self._overwritten:
            raise replaced_error(self._path)

    def verify_log(self, cursor: Cursor) -> None:
        """If the log is gone or replaced, writes a checkpoint: its content is also in memory.

        The cursor is outside of a transaction; `verify` has passed.
        """
        if identity(self._log_path) != (self._log and self._log.identity):
            self._set_log_aside("is not the one that was open; what that held is in the database")
            with self.writing():
                cursor.execute("CHECKPOINT")

    def close(self, root: Cursor, *, checkpoint: bool = True) -> None:
        """Closes the database by its only connection, and merges the log into the file at the path.

        Not for an instance whose COMMIT failed: the first rows inserted after its checkpoint are
        lost when the file is opened again (DuckDB 1.5.5).
        """
        import duckdb

        if not checkpoint or self.moved or self._overwritten:
            with suppress(duckdb.Error):  # an instance that has failed writes nothing, either
                root.execute("PRAGMA disable_checkpoint_on_shutdown")
        try:
            root.close()
        finally:
            if self._file >= 0:
                os.close(self._file)

    def abandon(self, root: Cursor) -> None:
        """Closes a database after `verify` has found another one at its path.

        If the log is still there, it is renamed, since the next process to open the file would
        replay it into the other database. A database that was moved without its log gets a
        checkpoint.
        """
        import duckdb

        if self._log is not None and _status(self._log_path) == self._log:
            self._set_log_aside("is of the database that was here before")
            if self.moved:
                with suppress(duckdb.Error):  # the log has it all
                    root.execute("CHECKPOINT")
        self.close(root)

    def _note(self) -> None:
        self._header = self._read_header()
        self._log = _status(self._log_path)

    @property
    def _overwritten(self) -> bool:
        """Whether somebody else has written to the file, as by copying a backup over it."""
        return self._read_header() != self._header

    def _read_header(self) -> bytes:
        return b"" if self._file < 0 else os.pread(self._file, HEADER_BYTES, 0)

    def _set_log_aside(self, why: str) -> None:
        log = self._log_path
        aside = log.with_name(f"{log.name}.{time.time_ns()}")
        try:
            log.rename(aside)
        except FileNotFoundError:
            logger.warning("%s is gone; what it held is in the database", log)
        else:
            logger.warning("%s %s; it is kept as %s", log, why, aside.name)


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None if there is none."""
    found = _status(path)
    return found and found.identity


def replaced_error(path: Path) -> StoreReplaced:
    """The error of a database whose file was moved, removed or replaced."""
    return StoreReplaced(
        f"{path} is not the file any more that this server had open: it was moved, removed or "
        "replaced; nothing was written to what is there now: call again to use it"
    )


def _status(path: Path) -> _Status | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Status(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
