"""Modes of files: what a process of this package makes is for its user alone."""

import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

_RECORDED = ("learning.duckdb*", "index/*", "backups/*")


@cache
def restrict_umask() -> int:
    """Sets the umask of this process, and of those that it starts, to 077.

    Libraries make files of their own, such as DuckDB its write-ahead log, with whatever mode the
    umask leaves.

    Returns:
        The umask that the process had before. What belongs to a project rather than to the user is
        made with it, and so are other programs started.
    """
    return os.umask(0o077)


def restrict_files(data_dir: Path) -> None:
    """Takes the rights of other users from the files with what agents recorded. Blocks.

    The directory keeps its mode: it may have been there before, with other things in it.
    """
    for pattern in _RECORDED:
        for file in data_dir.glob(pattern):
            with suppress(OSError):  # gone by now, somebody else's, or a file system without modes
                mode = file.lstat().st_mode
                if stat.S_ISREG(mode) and mode & 0o077:
                    file.chmod(stat.S_IMODE(mode) & 0o700)
