"""What the data directory takes, and what is left beside it."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mcp_learning.environment import nearest_existing
from mcp_learning.models.fields import Model
from mcp_learning.settings import Settings


class Kept(Model):
    """The files of a directory: how many, how large, and when the latest was written."""

    path: str
    files: int
    bytes: int
    latest: datetime | None = None


class Disk(Model):
    """Room on the disk of the database, and copies that are kept in its directory."""

    free_bytes: int
    total_bytes: int
    backups: Kept
    archives: Kept


def disk(settings: Settings) -> Disk:
    """Looks at the disk; blocks. What can't be read counts as nothing."""
    room = shutil.disk_usage(nearest_existing(settings.data_dir))
    return Disk(
        free_bytes=room.free,
        total_bytes=room.total,
        backups=_kept(settings.backup_dir),
        archives=_kept(settings.archive_dir),
    )


def _kept(directory: Path) -> Kept:
    found = list(_files(directory))
    return Kept(
        path=str(directory),
        files=len(found),
        bytes=sum(size for size, _ in found),
        latest=datetime.fromtimestamp(max(at for _, at in found), UTC) if found else None,
    )


def _files(directory: Path) -> Iterator[tuple[int, float]]:
    """Size in bytes and time of writing of each file."""
    try:
        for path in directory.iterdir():
            state = path.stat()
            if path.is_file():
                yield state.st_size, state.st_mtime
    except OSError:
        return
