"""Database files as files: their logs, private directories, and names that change atomically."""

import os
from pathlib import Path

from mcp_learning.errors import StoreError


def make_private(directory: Path) -> None:
    """Makes `directory`, private where the platform has modes, unless it exists.

    Raises:
        StoreError: It can't be made, or is not a directory.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"data directory {directory} can't be made ({error.strerror}); set "
            "MCP_LEARNING_DATA_DIR to a directory that you may write to"
        ) from error


def wal_of(path: Path) -> Path:
    """The write-ahead log of a database file, whether or not it exists."""
    return path.with_name(f"{path.name}.wal")


def size_on_disk(path: Path) -> int:
    """Bytes of a database file and its write-ahead log, as far as they exist."""
    return sum(file.stat().st_size for file in (path, wal_of(path)) if file.exists())


def discard(path: Path) -> None:
    """Removes a database file that is no longer wanted, and its log."""
    wal_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def staging_of(path: Path) -> Path:
    """Where a file is made that is to take the place of a database."""
    return path.with_name(f"{path.name}.new")


def replacing(path: Path) -> Path:
    """The mark that says that a complete file at `staging_of` is to take a database's place."""
    return path.with_name(f"{path.name}.replacing")


def replace_from_staging(path: Path) -> None:
    """Puts the file at `staging_of`, which is complete and closed, in the place of a database.

    The old log has to go first, since DuckDB would replay it into the new file. The mark is there
    meanwhile, so that `finish_replacing` goes on after a kill between these steps.
    """
    synchronise(staging_of(path))
    replacing(path).touch(mode=0o600)
    synchronise(path.parent)
    finish_replacing(path)


def finish_replacing(path: Path) -> None:
    """Ends what `replace_from_staging` began, if it was killed; for who has the database alone."""
    if not replacing(path).exists():
        return
    if staging_of(path).exists():
        wal_of(path).unlink(missing_ok=True)
        put_in_place(staging_of(path), path)
    replacing(path).unlink(missing_ok=True)


def put_in_place(new: Path, path: Path) -> None:
    """Renames a closed database file, so that after a crash either it or the old one is there."""
    synchronise(new)
    new.replace(path)
    synchronise(path.parent)


def synchronise(path: Path) -> None:
    """Waits until a file, or the names in a directory, are on the disk."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR  # Windows flushes only what it may write
    try:
        opened = os.open(path, flags)
    except OSError:
        if path.is_dir():
            return  # nor does it open directories
        raise
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
