"""Reads and atomically replaces other programs' files, and keeps backups of them.

Links are followed and modes kept. A record of each install is kept, with a copy of the file before
it; with that, an uninstall restores the same bytes if the file wasn't changed since. A file that
can't be read, made, written or removed raises `LearningError` and stays as it was.
"""

import hashlib
import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mcp_learning.errors import LearningError
from mcp_learning.permissions import restrict_umask

MAX_BYTES = 64 * 2**20
"""Size limit; a larger file can't be a configuration."""


def read(path: Path) -> bytes | None:
    """The file's bytes; None if there is none.

    Raises:
        LearningError: It can't be read, is no regular file, or is larger than `MAX_BYTES`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LearningError(f"{path} is not a regular file; move it out of the way")
        if status.st_size > MAX_BYTES:
            raise LearningError(f"{path} is larger than {MAX_BYTES >> 20} MB: no configuration")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LearningError(f"{path} can't be read: {error.strerror or error}") from error


def check_writable(path: Path) -> None:
    """Refuses a file that the user may not write."""
    if path.exists() and not os.access(path, os.W_OK):
        raise LearningError(f"{path} is read-only; make it writable first")


def make_parents(path: Path, *, private: bool) -> list[str]:
    """Creates the missing parent directories of a file, accessible to this user only if `private`.

    Returns those that were created, outermost first.
    """
    missing = [parent for parent in reversed(path.resolve().parents) if not parent.exists()]
    try:
        for directory in missing:
            directory.mkdir(mode=0o700)
            if not private:
                directory.chmod(0o777 & ~restrict_umask())
    except OSError as error:
        remove_empty([str(directory) for directory in missing])
        raise LearningError(f"{path} can't be written: {error.strerror or error}") from error
    return [str(directory) for directory in missing]


def remove_empty(directories: list[str]) -> None:
    """Removes those directories that are empty, given outermost first."""
    for directory in reversed(directories):
        with suppress(OSError):  # it isn't empty
            Path(directory).rmdir()


def write(path: Path, data: bytes, *, private: bool) -> None:
    """Atomically replaces or creates the file; its directory has to exist.

    The target of a link is written. An existing file keeps its mode; a new one is accessible to
    this user only if `private`.
    """
    try:
        target = path.resolve()
        mode = 0o600 if private else 0o666 & ~restrict_umask()
        if target.exists():
            mode = stat.S_IMODE(target.stat().st_mode)
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(scratch).chmod(mode)
            Path(scratch).replace(target)
        except BaseException:
            Path(scratch).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise LearningError(f"{path} can't be written: {error.strerror or error}") from error


def delete(path: Path) -> None:
    """Removes a file; if it is a link, its target."""
    try:
        path.resolve().unlink(missing_ok=True)
    except OSError as error:
        raise LearningError(f"{path} can't be removed: {error.strerror or error}") from error


@dataclass(frozen=True)
class InstallRecord:
    """What an install did to a file.

    Attributes:
        path: The file.
        backup: Name of the copy beside the record; None if there was no file.
        written: SHA-256 of the file afterwards; empty if the backup must not be restored.
        made: Directories that were created, outermost first.
    """

    path: str
    backup: str | None
    written: str
    made: list[str]


class InstallRecords:
    """All records, and copies of files before the install, in a private directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def find(self, path: Path) -> InstallRecord | None:
        """The record of a file; None if there is none that can be read."""
        try:
            kept = json.loads(self._name(path, ".json").read_bytes())
            return InstallRecord(kept["path"], kept["backup"], kept["written"], kept["made"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def restorable(self, path: Path, data: bytes | None) -> InstallRecord | None:
        """The record of a file that wasn't changed since, if its backup still exists."""
        record = self.find(path)
        if record is None or data is None or record.written != digest(data):
            return None
        return record if record.backup is None or self.backup(record) is not None else None

    def keep(self, record: InstallRecord) -> None:
        """Keeps a record in place of an older one of the file."""
        self._write(self._name(Path(record.path), ".json"), json.dumps(asdict(record)).encode())

    def drop(self, path: Path) -> None:
        """Removes the record of a file; the backup stays, in case somebody needs it."""
        with suppress(OSError):
            self._name(path, ".json").unlink()

    def back_up(self, path: Path, data: bytes) -> str:
        """Keeps a copy of a file's bytes; returns its name in the directory."""
        copy = self._name(path, f"-{path.name.lstrip('.')}.bak")
        self._write(copy, data)
        return copy.name

    def backup(self, record: InstallRecord) -> bytes | None:
        """The file's bytes before the install; None if there was none, or no copy exists."""
        return None if record.backup is None else read(self.directory / record.backup)

    def _name(self, path: Path, ending: str) -> Path:
        return self.directory / (digest(os.fsencode(path.absolute()))[:16] + ending)

    def _write(self, path: Path, data: bytes) -> None:
        make_parents(path, private=True)
        write(path, data, private=True)
        path.chmod(0o600)


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
