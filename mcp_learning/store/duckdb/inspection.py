"""Inspects a database file that no process has open, without migrating it. Blocks.

All functions raise StoreError when the file can't be opened or read: StoreLocked, StoreDamaged and
StoreTooNew say why.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import anyio

from mcp_learning.store.duckdb import embeddings, executions, migrations, outbox_table
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.shared import OutboxState

T = TypeVar("T")


class Summary(NamedTuple):
    """A summary of a database.

    Attributes:
        executions: Number of executions.
        model: Fingerprint of the model of its vectors; None: there are none.
        outbox: Changes that wait for a team; None: not read.
    """

    executions: int
    model: str | None
    outbox: OutboxState | None = None


def schema_version(path: Path) -> int:
    """Version of the schema; 0 if this package didn't make it."""
    return _read(path, migrations.current_version)


def summary(path: Path) -> Summary:
    """The summary of a database of the current schema."""

    def read(cursor: Cursor) -> Summary:
        outbox = outbox_table.state(cursor)
        return Summary(executions.count(cursor), embeddings.model(cursor), outbox)

    return _read(path, read)


def refuse_other_design(path: Path) -> None:
    """Refuses a database that isn't empty, and that this package didn't make."""
    _read(path, migrations.refuse_other_design)


def make(path: Path) -> int:
    """Makes a database at `path`, where there is none; returns its schema version."""
    return _read(path, migrations.apply)


def _read(path: Path, fn: Callable[[Cursor], T]) -> T:
    async def read() -> T:
        database = Database(path)
        try:
            return await database.read(fn)
        finally:
            await database.close()

    return anyio.run(read)
