"""Requests and reports of what keeps a database: backup, recovery, retention, missing vectors."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from mcp_learning.models.fields import Model, Request


class Backup(Request):
    """Where a copy of the whole database is to be; an absolute path, whose file is replaced."""

    path: str


class BackupReport(Model):
    """A copy that was read back to the last block and compared.

    Attributes:
        path: The file.
        bytes: Its size.
        schema_version: Of the database.
        rows: By table.
        seconds: How long it took.
    """

    path: str
    bytes: int
    schema_version: int
    rows: dict[str, int]
    seconds: float


class RestoreReport(Model):
    """A database that was put in the place of another.

    Attributes:
        path: The database.
        restored_from: The backup.
        rows: By table, read back and compared.
        kept: Where what was replaced is now; None if there was nothing.
    """

    path: str
    restored_from: str
    rows: dict[str, int]
    kept: str | None = None


class SavedTable(Model):
    """What became of a damaged table.

    Attributes:
        expected: Rows that it had, as far as that is known.
        saved: Rows in the new database.
        incomplete: Rows by column whose value is lost, or was replaced.
    """

    expected: int
    saved: int
    incomplete: dict[str, int] = {}


class RecoveryReport(Model):
    """What could be read of a damaged database.

    Attributes:
        path: The database.
        damaged: Whether it was; if not, nothing was done.
        tables: By name.
        mended: What was done to a copy so that it could be read, and what that undoes.
        changed: Ids of executions whose description is certainly another than was recorded.
        kept: Where the damaged one is now; None if nothing was replaced.
    """

    path: str
    damaged: bool
    tables: dict[str, SavedTable] = {}
    mended: list[str] = []
    changed: list[str] = []
    kept: str | None = None


class Prune(Request):
    """Which executions are to go, oldest first, and what else; without a limit, none.

    Attributes:
        older_than_days: Those that were recorded longer ago.
        max_mb: The oldest, until the rest takes at most so much, in MB (2^20 bytes), as a rewritten
            file does.
        generated: All that `generate-data` made, instead of what the limits cover.
        archive: Directory in which they are written before they are forgotten; None: nowhere.
        reclaim: Rewrite the file without the space of what is gone.
        dry_run: Only count.
    """

    older_than_days: Annotated[int | None, Field(ge=7, le=3_650)] = None
    max_mb: Annotated[int | None, Field(ge=10)] = None
    generated: bool = False
    archive: str | None = None
    reclaim: bool = False
    dry_run: bool = False


class PruneReport(Model):
    """What went, or would go.

    Attributes:
        dry_run: Whether nothing was changed.
        executions: How many.
        oldest: When the first of them was recorded, UTC.
        newest: When the last of them was recorded, UTC.
        kept: Executions that are left.
        archives: Files that hold what went.
        bytes_before: Size of the database file and its log.
        bytes_after: The same in the end.
        reclaimed: Whether the file was rewritten.
        index_dropped: Whether an HNSW index with vectors of what was forgotten was removed.
    """

    dry_run: bool
    executions: int
    oldest: datetime | None = None
    newest: datetime | None = None
    kept: int
    archives: list[str] = []
    bytes_before: int
    bytes_after: int
    reclaimed: bool = False
    index_dropped: bool = False


class Unarchive(Request):
    """Archives whose executions are to come back: absolute paths."""

    paths: Annotated[list[str], Field(min_length=1, max_length=10_000)]


class UnarchiveReport(Model):
    """What came back from archives.

    Attributes:
        files: Archives that were read.
        executions: Executions that were added.
        present: Those that were there already, and were left as they are.
        feedback: Feedback that came back with them.
    """

    files: int
    executions: int
    present: int
    feedback: int


class UpgradeReport(Model):
    """A database that was brought up to date.

    Attributes:
        path: The database.
        from_version: Of its schema before; 0: of the original design.
        to_version: Of its schema now.
        backup: The database as it was; None if its file did not have to be changed.
        executions: In it now.
        skipped: Rows that could not be read or stored, by reason.
        dropped_indexes: HNSW indexes that were inside the old database.
        embedded: Vectors that were made.
        index: State of the HNSW index.
        index_reason: Why there is none, or why it isn't used.
        seconds: How long it took.
    """

    path: str
    from_version: int
    to_version: int
    backup: str | None = None
    executions: int
    skipped: dict[str, int] = {}
    dropped_indexes: list[str] = []
    embedded: int
    index: str
    index_reason: str | None = None
    seconds: float


class EmbedMissing(Request):
    """How many of the missing vectors are to be made; None: all."""

    limit: Annotated[int | None, Field(ge=1)] = None


class EmbedReport(Model):
    """Vectors that were made.

    Attributes:
        embedded: How many.
        pending: Executions that still have none.
        seconds: How long it took.
        model: Fingerprint of the model.
    """

    embedded: int
    pending: int
    seconds: float
    model: str


class RebuildReport(Model):
    """Answer of rebuild_index."""

    rows: int
    reembedded: int
    seconds: float
    bytes: int
    m: int
    ef_construction: int
    recall_at_10: Annotated[
        float | None, Field(description="Against exact search, on a sample")
    ] = None
