"""Reads lines of JSON from files that may be binary, truncated, without line ends, or hostile."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NoReturn

from mcp_learning.clients.transfer.imported import Notes

LONGEST_LINE = 16 * 2**20
"""Longest line that is read, in bytes; lines of sessions may have images."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16 = re.compile(rb"\xff\xfe.\x00|\xfe\xff\x00.", re.DOTALL)  # and an ASCII character
_ARCHIVES = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04")

COMPRESSED = ".zst"
"""The suffix of files compressed with Zstandard, which are decompressed."""


def read_objects(file: Path, notes: Notes, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON objects in a regular file, one per line, each with its position.

    Other lines are noted. `name` is the file's name in positions; empty if it is the only file.
    """
    prefix = f"{name}, " if name else ""
    try:
        with _opened(file) as opened:
            if problem := _other_format(opened):
                notes.skip(name or file.name, problem)
                notes.done += file.stat().st_size
                return
            for number, line in _lines(opened, notes, prefix):
                where = f"{prefix}line {number}"
                value, reason = _parsed(line)
                if reason:
                    notes.skip(where, reason)
                elif value is not None:
                    yield where, value
    except OSError as error:
        notes.skip(name or file.name, "can't be read", error.strerror or "")
    except _NotCompressedError as error:
        notes.skip(name or file.name, "not compressed as its name says, or cut short", str(error))


class _NotCompressedError(Exception):
    """A compressed file can't be decompressed."""


@contextmanager
def _opened(file: Path) -> Iterator[BufferedIOBase]:
    if file.suffix != COMPRESSED:
        with file.open("rb") as plain:
            yield plain
        return
    from backports import zstd

    try:
        with zstd.open(file, "rb") as opened:
            yield opened
    except (zstd.ZstdError, EOFError) as error:
        raise _NotCompressedError(str(error)) from None


def _lines(file: BufferedIOBase, notes: Notes, prefix: str) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        notes.done += len(line)
        if len(line) <= LONGEST_LINE:
            yield number, line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
            notes.done += len(line)
        notes.skip(f"{prefix}line {number}", f"longer than {LONGEST_LINE // 2**20} MB")


def _parsed(line: bytes) -> tuple[dict[str, Any] | None, str]:
    """The object of a line, or why there is none; neither for an empty line."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return None, "binary, not text" if b"\0" in line else "not UTF-8"
    if not text.strip():
        return None, ""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError:
        if b"\0" in line:
            return None, "binary, not text"
        return None, "not JSON" if line.endswith(b"\n") else "not JSON: cut short at the end"
    except RecursionError:
        return None, "nested too deeply"
    except ValueError:  # NaN and infinity, and integers of thousands of digits
        return None, "has a number that can't be stored"
    return (value, "") if isinstance(value, dict) else (None, "not a JSON object")


def _other_format(file: BufferedIOBase) -> str:
    """The format of a file that isn't UTF-8; else "", after seeking behind a byte order mark."""
    beginning = file.read(4)
    if _UTF_16.match(beginning):
        return "UTF-16: convert it to UTF-8"
    if beginning.startswith(_ARCHIVES):
        return "compressed: unpack it first"
    file.seek(len(_BYTE_ORDER_MARK) if beginning.startswith(_BYTE_ORDER_MARK) else 0)
    return ""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
