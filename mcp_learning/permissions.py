"""File modes: what a process of this package creates is accessible to its user only."""

import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

_RECORDED = ("learning.duckdb*", "index/*", "backups/*")


@cache
def restrict_umask() -> int:
    """Sets the umask of this process, and of those that it starts, to 077.

    Libraries create files of their own, such as DuckDB's write-ahead log, with whatever mode the
    umask leaves.

    Returns:
        The umask before, to use for files that belong to a project rather than to the user, and
        for other programs that are started.
    """
    return os.umask(0o077)


def restrict_files(data_dir: Path) -> None:
    """Makes the files that hold recorded data inaccessible to other users. Blocks.

    The directory keeps its mode: it may have existed before and contain other things.
    """
    for pattern in _RECORDED:
        for file in data_dir.glob(pattern):
            with suppress(OSError):  # deleted, another user's, or a file system without modes
                mode = file.lstat().st_mode
                if stat.S_ISREG(mode) and mode & 0o077:
                    file.chmod(stat.S_IMODE(mode) & 0o700)
