"""Backups: writing and verifying them, and replacing a database by one, safely on a crash."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from mcp_learning.errors import InvalidInput, StoreDamaged, StoreError, StoreTooNew
from mcp_learning.store.duckdb import copies, migrations, outbox_table
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.files import (
    discard,
    fsync,
    rename_durably,
    replace_from_staging,
    wal_of,
)
from mcp_learning.store.duckdb.opening import connect


def write(cursor: Cursor, path: Path, target: Path) -> copies.DatabaseContents:
    """Writes a copy of the database at `path` to `target`, reads it back and compares.

    Other writes may go on meanwhile. The target, whose directory is made if absent, is created or
    replaced only when the copy is complete.

    Raises:
        InvalidInput: The target is the database itself.
        StoreError: It can't be written.
    """
    writing = target.with_name(f"{target.name}.writing")
    if target.resolve() in {file.resolve() for file in (path, wal_of(path))}:
        raise InvalidInput("FILE", f"{target} is the database itself; name another file")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = copies.copy(cursor, writing)
        rename_durably(writing, target)
    except OSError as error:
        discard(writing)
        raise StoreError(
            f"the backup {target} can't be written ({error.strerror}); name another place"
        ) from error
    return held


def verified_contents(source: Path) -> copies.DatabaseContents:
    """The contents of a backup and of a log beside it, read completely.

    Raises:
        StoreDamaged: Not all of it can be read.
        StoreTooNew: It is of a newer version of this package.
        StoreError: It can't be opened, or is no database of this package.
    """
    try:
        held = copies.examine(source)
    except StoreDamaged as error:
        raise StoreDamaged(
            f"{source} is damaged or not a DuckDB database; it was left untouched: restore another "
            "backup, or copy this one to an empty directory as learning.duckdb and run "
            "`mcp-learning recover` with --data-dir"
        ) from error
    if not held.version:
        raise StoreError(
            f"{source} is a DuckDB file, but no database of mcp-learning of this design; "
            "`mcp-learning import duckdb` reads older ones"
        )
    if held.version > migrations.newest():
        raise StoreTooNew(
            f"{source} has schema version {held.version}; update mcp-learning to restore it"
        )
    return held


def stage(source: Path, staging: Path, held: copies.DatabaseContents) -> None:
    """Copies a backup, with a log beside it merged, to one closed file, and verifies the copy.

    What waits for a team is marked, since the team may have got it after the backup was made.

    Raises:
        StoreDamaged: The copy differs from `held`, the contents of the backup.
        StoreError: It can't be copied.
    """
    discard(staging)
    try:
        _copy(source, staging)
        if copies.examine(staging) != held:
            raise StoreDamaged(f"the copy of {source} differs from what was read; check the disk")
        if held.counts.get("outbox"):
            with _changing(staging) as cursor:
                outbox_table.mark_restored(cursor)
    except BaseException as error:
        discard(staging)
        if isinstance(error, OSError):
            raise StoreError(f"{source} can't be copied ({error.strerror})") from error
        raise


def refuse_in_use(path: Path) -> None:
    """Refuses a database that another program has open; merges its log into it.

    Raises:
        StoreLocked: Another program has it open.
    """
    if path.exists():
        with suppress(StoreDamaged, StoreTooNew), closing(connect(path)):
            pass


def swap(path: Path, kept: Path | None) -> Path | None:
    """Replaces a database that no process has open by the file at `staging_of(path)`.

    The old one is linked or copied to `kept` first, with its log (None: there is a copy already).
    At every moment there is a database at `path`.

    Returns:
        Path of the old database; None if there was none.
    """
    old = path if path.exists() else None
    if old is not None and kept is not None:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, name in ((path, kept), (wal_of(path), wal_of(kept))):
            if file.exists():
                _link_or_copy(file.resolve(), name)
        fsync(kept.parent)
    replace_from_staging(path)
    return kept if old is not None else None


def copy_with_log(path: Path, kept: Path) -> None:
    """Copies a database that no process has open, with its log, unchanged.

    Raises:
        StoreError: The copy can't be written.
    """
    try:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, name in ((wal_of(path), wal_of(kept)), (path, kept)):
            if file.exists():
                writing = name.with_name(f"{name.name}.writing")
                shutil.copy2(file, writing)
                rename_durably(writing, name)
    except OSError as error:
        raise StoreError(f"{kept} can't be written ({error.strerror})") from error


def _copy(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    shutil.copyfile(source, target)
    if wal_of(source).exists():
        shutil.copyfile(wal_of(source), wal_of(target))
        with _changing(target):
            pass
    fsync(target)


@contextmanager
def _changing(path: Path) -> Iterator[Cursor]:
    """A cursor on a file that no process uses, and that has no log beside it afterwards."""
    with closing(connect(path)) as cursor:
        yield cursor
        cursor.execute("FORCE CHECKPOINT")
    wal_of(path).unlink(missing_ok=True)


def _link_or_copy(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except FileExistsError:
        raise StoreError(f"{name} exists already; call again") from None
    except OSError:  # a file system without links
        shutil.copy2(file, name)
        fsync(name)
