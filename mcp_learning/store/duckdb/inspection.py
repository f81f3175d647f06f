"""What a database file that no process has open looks like, without migrating it. Blocks.

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
    """What a database holds.

    Attributes:
        executions: How many.
        model: Fingerprint of the model of its vectors, if there are any.
        outbox: What waits for a team; None: not read.
    """

    executions: int
    model: str | None
    outbox: OutboxState | None = None


def schema_version(path: Path) -> int:
    """Version of the schema; 0 if no version of this package made one."""
    return _read(path, migrations.current_version)


def summary(path: Path) -> Summary:
    """What a database of the current schema holds."""

    def read(cursor: Cursor) -> Summary:
        outbox = outbox_table.state(cursor)
        return Summary(executions.count(cursor), embeddings.model(cursor), outbox)

    return _read(path, read)


def refuse_other_design(path: Path) -> None:
    """Refuses a database with something in it that no version of this package made."""
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
