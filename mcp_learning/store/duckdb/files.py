"""File operations of databases: their logs, private directories, atomic and durable renames."""

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
    """Removes a database file and its log."""
    wal_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def staging_of(path: Path) -> Path:
    """Path at which the replacement of a database is written: beside the file that a link means."""
    file = path.resolve()
    return file.with_name(f"{file.name}.new")


def replacement_marker(path: Path) -> Path:
    """A marker file: the file at `staging_of` is complete and about to replace the database."""
    return path.with_name(f"{path.name}.replacing")


def replace_from_staging(path: Path) -> None:
    """Replaces a database by the file at `staging_of`, which is complete and closed.

    The old log has to be removed first, since DuckDB would replay it into the new file. The marker
    exists meanwhile, so that `finish_replacement` completes the steps after a kill.
    """
    fsync(staging_of(path))
    replacement_marker(path).touch(mode=0o600)
    fsync(path.parent)
    finish_replacement(path)


def finish_replacement(path: Path) -> None:
    """Completes a `replace_from_staging` that was killed; call it with exclusive access."""
    if not replacement_marker(path).exists():
        return
    if staging_of(path).exists():
        wal_of(path).unlink(missing_ok=True)
        rename_durably(staging_of(path), path.resolve())
    replacement_marker(path).unlink(missing_ok=True)


def rename_durably(new: Path, path: Path) -> None:
    """Renames a closed file, so that after a crash either it or the old one is at `path`."""
    fsync(new)
    new.replace(path)
    fsync(path.parent)


def fsync(path: Path) -> None:
    """Flushes a file, or the entries of a directory, to the disk."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR  # Windows flushes only writable files
    try:
        opened = os.open(path, flags)
    except OSError:
        if path.is_dir():
            return  # Windows can't open directories
        raise
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
