"""Requests and reports of maintenance: backup, recovery, retention, upgrade, missing vectors."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from mcp_learning.models.fields import Model, Request


class Backup(Request):
    """Arguments of `backup`: an absolute path, whose file is replaced."""

    path: str


class BackupReport(Model):
    """A backup, read back completely and compared; `rows` are counts by table."""

    path: str
    bytes: int
    schema_version: int
    rows: dict[str, int]
    seconds: float


class RestoreReport(Model):
    """A database that was restored.

    Attributes:
        rows: Counts by table, read back and compared.
        kept: Path of the database that was replaced; None if there was none.
    """

    path: str
    restored_from: str
    rows: dict[str, int]
    kept: str | None = None


class SavedTable(Model):
    """A table of a damaged database: how many rows it had, as far as known, and how many are saved.

    `incomplete` counts, by column, the rows whose value was lost or replaced.
    """

    expected: int
    saved: int
    incomplete: dict[str, int] = {}


class RecoveryReport(Model):
    """What was saved of a damaged database.

    Attributes:
        damaged: If False, nothing was done.
        mended: Repairs that were made to a copy, and what they undid.
        changed: Ids of executions whose description differs from the one that was recorded.
        kept: Path of the damaged database; None if nothing was replaced.
    """

    path: str
    damaged: bool
    tables: dict[str, SavedTable] = {}
    mended: list[str] = []
    changed: list[str] = []
    kept: str | None = None


class Prune(Request):
    """Arguments of `prune`: which executions to delete, oldest first; without limits, none.

    Attributes:
        max_mb: Delete the oldest until the rewritten file has at most this size, in MB
            (2^20 bytes).
        generated: Delete all executions that `generate-data` made, instead of applying the limits.
        archive: Directory for an archive of what is deleted; None: no archive.
        reclaim: Rewrite the file without free space.
    """

    older_than_days: Annotated[int | None, Field(ge=7, le=3_650)] = None
    max_mb: Annotated[int | None, Field(ge=10)] = None
    generated: bool = False
    archive: str | None = None
    reclaim: bool = False
    dry_run: bool = False


class PruneReport(Model):
    """Answer of `prune`: executions deleted (or to be deleted), their times in UTC, and those kept.

    Attributes:
        archives: Paths of the archives that were written.
        bytes_before: Size of the database file and its log.
        reclaimed: Whether the file was rewritten.
        index_dropped: Whether an HNSW index with vectors of deleted executions was removed.
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
    """Arguments of `unarchive`: absolute paths of archives."""

    paths: Annotated[list[str], Field(min_length=1, max_length=10_000)]


class UnarchiveReport(Model):
    """Answer of `unarchive`: files read, executions added and already present, feedback added."""

    files: int
    executions: int
    present: int
    feedback: int


class UpgradeReport(Model):
    """A database that was upgraded.

    Attributes:
        from_version: Its schema version before; 0: the original design.
        backup: Copy of the database before; None if its file was not changed.
        skipped: Rows that could not be read or stored, by reason.
        dropped_indexes: HNSW indexes that were inside the old database.
        index: State of the HNSW index; `index_reason` says why there is none, or it isn't used.
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
    """Arguments of `embed_missing`: the most vectors to make; None: all that are missing."""

    limit: Annotated[int | None, Field(ge=1)] = None


class EmbedReport(Model):
    """Answer of `embed_missing`: vectors made, executions without one, the model's fingerprint."""

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
