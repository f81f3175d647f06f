"""Recomputes the checksums of a DuckDB file, so that damaged blocks can be read.

A file begins with three headers of 4,096 bytes: the main header and two database headers, which
checkpoints write alternately. Blocks of 262,144 bytes follow. Each header and block begins with a
checksum of its remaining bytes, and DuckDB refuses one whose checksum is wrong. With a valid
checksum it reads the block, and a flipped bit costs a value instead of the table.
"""

from pathlib import Path

import numpy as np

from mcp_learning.errors import StoreError
from mcp_learning.store.duckdb.files import wal_of

HEADER = 4_096
BLOCK = 262_144
BLOCKS_START = 3 * HEADER


def checksum(content: bytes) -> int:
    """DuckDB's checksum of a page's content: the XOR of its 64-bit words, each times a constant."""
    words = np.frombuffer(content, dtype="<u8") * np.uint64(0xBF58476D1CE4E5B9)
    return int(np.bitwise_xor.reduce(words) ^ np.uint64(5_381))


def repair(path: Path, main_header: bytes) -> list[str]:
    """Gives every header and block of a file a valid checksum, in place.

    Args:
        path: A copy of the damaged file, with a copy of its write-ahead log beside it.
        main_header: The main header of an intact file, which replaces a damaged one. It holds only
            the format.

    Returns:
        The repairs that were made, in words.

    Raises:
        StoreError: The file is encrypted or has blocks of another size.
    """
    with path.open("r+b") as file:
        blocks = max(0, -(-(path.stat().st_size - BLOCKS_START) // BLOCK))
        file.truncate(BLOCKS_START + blocks * BLOCK)  # fills up a block that is cut short
        headers = [file.read(HEADER) for _ in range(3)]
        repaired, done = _headers(path, headers, main_header)
        file.seek(0)
        file.writelines(map(_with_checksum, repaired))
        damaged = 0
        for _ in range(blocks):
            block = file.read(BLOCK)
            if not _is_sound(block):
                damaged += 1
                file.seek(-BLOCK, 1)
                file.write(_with_checksum(block))
    if damaged:
        done.append(
            f"{damaged} of {blocks} blocks got new checksums; values in them may have changed"
        )
    return done


def _headers(path: Path, headers: list[bytes], main: bytes) -> tuple[list[bytes], list[str]]:
    found, *pair = headers
    if _is_sound(found) and found[20] & 1:
        raise StoreError(f"{path} is encrypted, and recover can't read it: restore a backup")
    sizes = {_number(header, 40) for header in pair if _is_sound(header)}
    if sizes and BLOCK not in sizes:
        raise StoreError(
            f"{path} has blocks of {max(sizes):,} bytes, so it is not of mcp-learning, and recover "
            "can't read it: restore a backup"
        )
    done = [] if _is_sound(found) else ["the main header was replaced by that of a new database"]
    for number, header in enumerate(pair):
        if _is_sound(header):
            continue
        other = pair[1 - number]
        if abs(_number(header, 8) - _number(other, 8)) == 1 and _number(header, 40) == BLOCK:
            done.append(f"database header {number + 1} got a new checksum")
        else:
            pair[number] = other
            wal_of(path).unlink(missing_ok=True)  # it may follow a checkpoint that is lost
            done.append(
                f"database header {number + 1} was replaced by the other one, which may be of the "
                "checkpoint before, and the write-ahead log was left out: deletions and updates "
                "since then are undone"
            )
    return [found if _is_sound(found) else main, *pair], done


def _number(header: bytes, at: int) -> int:
    return int.from_bytes(header[at : at + 8], "little")


def _is_sound(page: bytes) -> bool:
    return _number(page, 0) == checksum(page[8:])


def _with_checksum(page: bytes) -> bytes:
    return checksum(page[8:]).to_bytes(8, "little") + page[8:]
