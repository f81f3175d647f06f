"""The leader lock: an advisory lock on a small file, held by the leader.

DuckDB locks its own file, but to try that lock a process has to import DuckDB, which every follower
would then have in memory. So this lock decides which process may open the database. The kernel
releases both when a process ends, however it ends.
"""

import os
import sys
from errno import EACCES, EAGAIN, EDQUOT, ENOLCK, ENOSPC, ENOSYS, EOPNOTSUPP
from pathlib import Path

from mcp_learning.errors import StoreError, StoreFull

_HELD = {EACCES, EAGAIN}
_NO_LOCKS = {ENOLCK, ENOSYS, EOPNOTSUPP}


class LeaderLock:
    """The lock of one data directory, which has to exist before `acquire`."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "leader.lock"
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def is_current(self) -> bool:
        """Whether the locked file is still at its path; another process can lock a replacement."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False

    def acquire(self) -> bool:
        """Acquires the lock if it is free; returns whether this object holds it. Never waits.

        Raises:
            StoreError: The file can't be written, or its file system has no locks.
            StoreFull: There is no room for the file.
        """
        if self._file is not None:
            return True
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            if error.errno in (ENOSPC, EDQUOT):
                raise StoreFull(
                    f"no room left on the disk of {self._path}; free some space, then repeat the "
                    "call"
                ) from error
            raise StoreError(
                f"{self._path} can't be written ({error.strerror}); change its permissions, or set "
                "MCP_LEARNING_DATA_DIR to a directory that you may write to"
            ) from error
        try:
            locked = _lock(file)
        except OSError as error:
            os.close(file)
            raise StoreError(
                f"{self._path} can't be locked ({error.strerror}): its file system has no locks; "
                "set MCP_LEARNING_DATA_DIR to a directory on a local disk"
            ) from error
        if not locked:
            os.close(file)
            return False
        self._file = file
        if not self.is_current():  # removed since it was opened; the next attempt creates it again
            self.release()
        return self.held

    def release(self) -> None:
        """Releases the lock, if it is held."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> bool:
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                raise
            return False
        return True

else:
    import fcntl

    def _lock(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                raise
            return False
        return True
