"""Requests and reports of what keeps a database: backup, recovery, retention, missing vectors."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from mcp_learning.models.fields import Model, Request


class Backup(Request):
    """Where a copy of the whole database is to be; an absolute path, whose file is replaced."""

    path: str


class BackupReport(Model):
    """A copy that was read back to the last block and compared; rows by table."""

    path: str
    bytes: int
    schema_version: int
    rows: dict[str, int]
    seconds: float


class RestoreReport(Model):
    """A database that was put in the place of another.

    Attributes:
        rows: By table, read back and compared.
        kept: Where what was replaced is now; None if there was nothing.
    """

    path: str
    restored_from: str
    rows: dict[str, int]
    kept: str | None = None


class SavedTable(Model):
    """What became of a damaged table: rows that it had, as far as known, and that were saved.

    `incomplete` are rows by column whose value is lost, or was replaced.
    """

    expected: int
    saved: int
    incomplete: dict[str, int] = {}


class RecoveryReport(Model):
    """What could be read of a damaged database.

    Attributes:
        damaged: If not, nothing was done.
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
        max_mb: The oldest, until the rest takes at most so much, in MB (2^20 bytes), as a rewritten
            file does.
        generated: All that `generate-data` made, instead of what the limits cover.
        archive: Directory in which they are written before they are forgotten; None: nowhere.
        reclaim: Rewrite the file without the space of what is gone.
    """

    older_than_days: Annotated[int | None, Field(ge=7, le=3_650)] = None
    max_mb: Annotated[int | None, Field(ge=10)] = None
    generated: bool = False
    archive: str | None = None
    reclaim: bool = False
    dry_run: bool = False


class PruneReport(Model):
    """How many executions went, or would go, and are left; of what time, UTC, and in which files.

    Attributes:
        bytes_before: Size of the database file and its log.
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
    """Archives that were read, executions added and left as they were, and feedback added."""

    files: int
    executions: int
    present: int
    feedback: int


class UpgradeReport(Model):
    """A database that was brought up to date.

    Attributes:
        from_version: Of its schema before; 0: of the original design.
        backup: The database as it was; None if its file did not have to be changed.
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
    """How many of the missing vectors are to be made; None: all."""

    limit: Annotated[int | None, Field(ge=1)] = None


class EmbedReport(Model):
    """Vectors that were made by the model of this fingerprint; executions that still have none."""

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
