"""Checksums of the row groups of a Parquet file, since DuckDB neither writes nor verifies any.

They are between the last row group and the footer, which other readers skip: the CRC-32 of each row
group's bytes and their number, as 4-byte little-endian integers, then a marker.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

_MARK = b"row group crc32"
_TAIL = 8  # bytes behind the footer: its length, and the magic number of the format
_CHUNK = 2**20

Extent = tuple[int, int]  # of a row group in its file: offset and length, in bytes


def append(path: Path, row_groups: Sequence[Extent]) -> None:
    """Adds the checksums of all row groups to a file that has none."""
    with path.open("r+b") as file:
        sums = [_crc32(file, *extent) or 0 for extent in row_groups]
        behind = _footer(file)
        file.seek(behind)
        footer = file.read()
        file.seek(behind)
        file.write(struct.pack(f"<{len(sums) + 1}I", *sums, len(sums)) + _MARK + footer)


def damaged(path: Path, row_groups: Sequence[Extent]) -> set[int]:
    """The numbers of the row groups that differ from their checksum; none without checksums."""
    size = 4 * (len(row_groups) + 1)
    with path.open("rb") as file:
        start = _footer(file) - len(_MARK) - size
        if start < 0:
            return set()
        file.seek(start)
        block = file.read(size + len(_MARK))
        if not block.endswith(_MARK):
            return set()
        *sums, count = struct.unpack(f"<{len(row_groups) + 1}I", block[:size])
        if count != len(row_groups):
            return set()
        return {
            number
            for number, (extent, expected) in enumerate(zip(row_groups, sums, strict=True))
            if _crc32(file, *extent) != expected
        }


def _footer(file: BinaryIO) -> int:
    """Offset of the footer."""
    end = file.seek(-_TAIL, 2)
    return end - int.from_bytes(file.read(4), "little")


def _crc32(file: BinaryIO, offset: int, length: int) -> int | None:
    """The CRC-32 of a part of a file; None if the offset is outside of the file."""
    if not 0 <= offset <= file.seek(0, 2):
        return None
    file.seek(offset)
    crc = 0
    while length > 0 and (chunk := file.read(min(length, _CHUNK))):
        crc = zlib.crc32(chunk, crc)
        length -= len(chunk)
    return crc
