"""Other programs' files: read whole, replaced whole, through links, with their mode; and backups.

What was changed is kept in a receipt in the data directory: a copy of the file as it was,
and a hash of what was written. With it an uninstall gives back the very bytes, as long as nobody
else has changed the file; without it, or after such a change, it takes out what was put in.
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

LARGEST = 64 * 2**20
"""Bytes beyond which a file is taken for something else than a configuration."""


def read(path: Path) -> bytes | None:
    """The file's bytes; None if there is none.

    Raises:
        LearningError: It can't be read, isn't a regular file, or is too large for a configuration.
    """
    try:
        target = path.resolve()
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LearningError(f"{path} is not a regular file; move it out of the way")
        if status.st_size > LARGEST:
            raise LearningError(f"{path} is larger than {LARGEST >> 20} MB: no configuration")
        return target.read_bytes()
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError in Python 3.11
        raise LearningError(f"{path} can't be read: {_reason(error)}") from error


def write(path: Path, data: bytes, *, private: bool) -> list[str]:
    """Replaces the file as a whole, or makes it; a link stays one, and what it leads to is written.

    Args:
        path: The file.
        data: All its bytes.
        private: A new file, and new directories, are for this user alone.

    Returns:
        The directories that were made, outermost first.

    Raises:
        LearningError: It can't be written; what was there is untouched.
    """
    made: list[str] = []
    try:
        target = path.resolve()
        for directory in (*reversed(target.parents),):
            if not directory.exists():
                directory.mkdir(mode=0o700 if private else 0o777)
                made.append(str(directory))
        mode = None
        if target.exists():
            mode = stat.S_IMODE(target.stat().st_mode)
            if not os.access(target, os.W_OK):
                raise LearningError(f"{path} is read-only; make it writable first")
        _replace(target, data, mode, private=private)
    except (OSError, RuntimeError) as error:
        _remove_empty(made)
        raise LearningError(f"{path} can't be written: {_reason(error)}") from error
    return made


def _replace(target: Path, data: bytes, mode: int | None, *, private: bool) -> None:
    if mode is None:
        umask = os.umask(0o077)
        os.umask(umask)
        mode = 0o600 if private else 0o666 & ~umask
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).chmod(mode)
        Path(scratch).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(scratch).unlink()
        raise


def delete(path: Path, directories: list[str]) -> None:
    """Removes the file, and those of `directories` that are empty then.

    Raises:
        LearningError: It can't be removed.
    """
    try:
        path.resolve().unlink(missing_ok=True)
    except OSError as error:
        raise LearningError(f"{path} can't be removed: {_reason(error)}") from error
    _remove_empty(directories)


def _remove_empty(directories: list[str]) -> None:
    for directory in reversed(directories):
        with suppress(OSError):  # something else is in it by now
            Path(directory).rmdir()


@dataclass(frozen=True)
class InstallRecord:
    """What an install did to a file.

    Attributes:
        path: The file.
        backup: Name of the copy beside the receipt; None if there was no file.
        written: SHA-256 of what was written; empty if the backup isn't what to go back to.
        made: Directories that were made.
        added: Paths of what was made in the file to hold the entry, outermost first.
    """

    path: str
    backup: str | None
    written: str
    made: list[str]
    added: list[list[str]]


class InstallRecords:
    """All receipts, in a private directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def find(self, path: Path) -> InstallRecord | None:
        """The receipt of a file; None if there is none that can be read."""
        try:
            return InstallRecord(**json.loads(self._file(path).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def keep(self, receipt: InstallRecord, before: bytes | None) -> Path | None:
        """Keeps a receipt and the file as it was; returns where that copy is.

        Raises:
            LearningError: It can't be written.
        """
        file = self._file(Path(receipt.path))
        copy = None if receipt.backup is None else self.directory / receipt.backup
        if copy is not None and before is not None:
            write(copy, before, private=True)
            copy.chmod(0o600)
        write(file, json.dumps(asdict(receipt), indent=2).encode() + b"\n", private=True)
        return copy

    def backup(self, receipt: InstallRecord) -> bytes | None:
        """The file as it was; None if there was none, or the copy is gone."""
        return None if receipt.backup is None else read(self.directory / receipt.backup)

    def drop(self, path: Path) -> None:
        """Removes a receipt; the copy stays, for people."""
        with suppress(OSError):
            self._file(path).unlink()

    def copy_name(self, path: Path) -> str:
        """Name for the copy of a file."""
        return f"{self._digest(path)}-{path.name.lstrip('.')}.bak"

    def _file(self, path: Path) -> Path:
        return self.directory / f"{self._digest(path)}.json"

    @staticmethod
    def _digest(path: Path) -> str:
        return hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:16]


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
