"""Migrates a database file that no process has open to the current schema. Blocks."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mcp_learning.errors import InvalidInput, StoreDamaged, StoreError
from mcp_learning.store.duckdb import copies, legacy, migrations
from mcp_learning.store.duckdb.opening import connect
from mcp_learning.store.duckdb.paths import identifier
from mcp_learning.store.duckdb.queries import column

_HNSW_INDEXES = "SELECT index_name FROM duckdb_indexes() WHERE contains(upper(sql), 'HNSW')"


@dataclass(frozen=True)
class Design:
    """The design of a database: its schema version, 0 for another design, and HNSW indexes."""

    version: int
    hnsw_indexes: Sequence[str]

    @property
    def current(self) -> bool:
        """Whether it needs no migration."""
        return self.version == migrations.newest() and not self.hnsw_indexes


def design_of(path: Path) -> Design:
    """The design of a database; only reads.

    Raises:
        StoreDamaged: It can't be read.
        StoreTooNew: It is of a newer version.
        StoreError: It is no learning database.
    """
    try:
        with copies.open_read_only(path) as cursor:
            if version := migrations.current_version(cursor):
                migrations.pending(cursor)
                return Design(version, column(cursor, _HNSW_INDEXES))
    except StoreDamaged:
        pass  # or a log that only the reader of other designs can skip
    try:
        with legacy.open_legacy(path) as database:
            layout = database.layout
    except InvalidInput:
        raise StoreError(f"{path} has no executions in it; nothing was changed") from None
    if layout.schema_version:
        raise StoreDamaged(
            f"{path} is damaged; run `mcp-learning recover` first, or `mcp-learning restore` with "
            "a backup"
        )
    return Design(0, layout.hnsw_indexes)


def migrate(path: Path, hnsw_indexes: Sequence[str] = ()) -> None:
    """Drops HNSW indexes inside the file, then applies the pending migrations.

    Raises:
        StoreTooNew: It is of a newer version.
        StoreError: It can't be opened.
        duckdb.Error: A migration failed; it was rolled back as a whole.
    """
    with closing(connect(path)) as cursor:
        for index in hnsw_indexes:
            # First of all: whatever else touches a broken one makes the instance unusable.
            cursor.execute(f"DROP INDEX {identifier(index)}")
        migrations.apply(cursor)
        cursor.execute("CHECKPOINT")
