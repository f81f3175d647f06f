"""Disk usage of the data directory, and free space."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from mcp_learning.environment import nearest_existing
from mcp_learning.models.fields import Model
from mcp_learning.settings import Settings


class StoredFiles(Model):
    """The files of a directory: how many, how large, and when the latest was written."""

    path: str
    files: int
    bytes: int
    latest: datetime | None = None


class Disk(Model):
    """Free space on the disk of the database, and the backups and archives beside it."""

    free_bytes: int
    total_bytes: int
    backups: StoredFiles
    archives: StoredFiles


def disk(settings: Settings) -> Disk:
    """Reads the disk usage; blocks. Directories that can't be read count as empty."""
    room = shutil.disk_usage(nearest_existing(settings.data_dir))
    return Disk(
        free_bytes=room.free,
        total_bytes=room.total,
        backups=_stored_files(settings.backup_dir),
        archives=_stored_files(settings.archive_dir),
    )


def _stored_files(directory: Path) -> StoredFiles:
    found = list(_files(directory))
    return StoredFiles(
        path=str(directory),
        files=len(found),
        bytes=sum(size for size, _ in found),
        latest=datetime.fromtimestamp(max(at for _, at in found), UTC) if found else None,
    )


def _files(directory: Path) -> Iterator[tuple[int, float]]:
    """Size in bytes and modification time of each file, except those deleted meanwhile."""
    try:
        paths = list(directory.iterdir())
    except OSError:
        return
    for path in paths:
        with suppress(OSError):
            state = path.stat()
            if path.is_file():
                yield state.st_size, state.st_mtime
