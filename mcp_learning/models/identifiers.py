"""Identifiers of executions, tasks, descriptions and files."""

import hashlib
import os
import time
from datetime import UTC, datetime
from uuid import UUID

from mcp_learning.models.folding import folded

SHORT_ID = 13
"""Characters of an id that lists show; ids made in different milliseconds differ in them."""


def short_id(task_id: UUID) -> str:
    """The beginning of an id, which commands accept instead of the whole."""
    return str(task_id)[:SHORT_ID]


def uuid7() -> UUID:
    """A UUID version 7: 48 bits of Unix time in milliseconds, then random bits (RFC 9562, 5.7).

    Ids made later sort later, which keeps the primary key's index compact.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def task_key(task_description: str) -> int:
    """A key that runs of the same task share: of the folded description without extra white space.

    64 bits of a SHA-256, signed: among a million tasks two share a key with probability 3e-8.
    """
    return _key(folded(task_description))


def former_task_key(task_description: str) -> int:
    """The `task_key` that databases before schema version 4 have: without composition."""
    return _key(task_description.casefold())


def _key(text: str) -> int:
    digest = hashlib.sha256(" ".join(text.split()).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def description_hash(text: str) -> int:
    """Equal for equal texts: the second half of the text's MD5, as an unsigned 64-bit number.

    The store computes the same in SQL (`md5_number_lower`).
    """
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little")


def file_timestamp() -> str:
    """The current time for names of files, such as 20250601T120000-000000Z, in UTC."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S-%fZ")
