"""The two steps of an upgrade.

The first needs exclusive access to the file: it keeps a copy, then migrates the database, or
converts a database of the original design. The second adds missing vectors and the index while
agents may run. Each step does only what is still missing, so an upgrade can be repeated.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from mcp_learning.cli.running import service
from mcp_learning.clients.transfer.imported import Notes, batches
from mcp_learning.clients.transfer.tables import read_duckdb
from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.connect import leader_health
from mcp_learning.cluster.exclusive_access import exclusive_access
from mcp_learning.errors import InvalidInput, LearningError, StoreError, StoreLocked
from mcp_learning.models.health import Health
from mcp_learning.models.identifiers import file_timestamp
from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.requests import FindSimilarTasks, RebuildIndex
from mcp_learning.models.transfer import ExportPage, ImportBatch
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import Learning, Progress, ignore_progress
from mcp_learning.service.recovery import describe_contents, discard_indexes
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.duckdb.backups import copy_with_log, swap
from mcp_learning.store.duckdb.copies import examine
from mcp_learning.store.duckdb.files import (
    discard,
    finish_replacement,
    replacement_marker,
    staging_of,
    wal_of,
)
from mcp_learning.store.duckdb.upgrade import design_of, migrate
from mcp_learning.store.protocol import FileStore

_PAUSE = 0.1  # seconds between two attempts to get access to the file


@dataclass
class FileUpgrade:
    """The result of the first step.

    Attributes:
        version: Schema version before; 0: the original design.
        backup: Copy of the database before; None if nothing was changed.
        dropped: Names of the HNSW indexes that were in the file.
        skipped: Numbers of executions that were left out, by reason.
    """

    version: int
    backup: Path | None = None
    dropped: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def upgrade_file(
    settings: Settings,
    report: Progress,
    *,
    timeout: float = ClusterConfig().leader_wait,
    pause: Callable[[float], None] = time.sleep,
) -> FileUpgrade:
    """Performs the first step; a database that a running server has open doesn't need it.

    Waits at most `timeout` seconds for a leader that is stopping or being replaced.

    Raises:
        StoreLocked: A process other than a server of this version has the database open.
        StoreError: The file can't be read, or is no database of this package.
    """
    began = time.monotonic()
    while True:
        with ExitStack() as access:
            try:
                access.enter_context(exclusive_access(settings))
            except StoreLocked:
                health = anyio.run(leader_health, settings)
                if health is not None and health.schema_version:
                    return FileUpgrade(health.schema_version)
                if time.monotonic() - began >= timeout:
                    raise
            else:
                return _upgrade_with_access(settings, report)
        pause(_PAUSE)


def copy_into_place(settings: Settings, source: Path) -> None:
    """Copies a database to the settings' path, unless one with executions is there.

    Raises:
        InvalidInput: There is one with executions, or `source` is no file.
        StoreLocked: Another process has one of the two open.
        StoreError: `source` is no learning database, or can't be copied.
    """
    path = settings.database_path
    if not source.is_file():
        raise InvalidInput("FILE", f"there is no {source}")
    if source.resolve() == path.resolve():
        return
    with exclusive_access(settings):
        finish_replacement(path)
        if there := describe_contents(path):
            raise InvalidInput(
                "FILE",
                f"{path} {there}; `mcp-learning import duckdb FILE` adds the executions of "
                f"{source} to it, and --data-dir names another place",
            )
        design_of(source)
        discard(path)
        copy_with_log(source, path)


def _upgrade_with_access(settings: Settings, report: Progress) -> FileUpgrade:
    path = settings.database_path
    finish_replacement(path)
    kept = settings.backup_dir / f"before-upgrade-{file_timestamp()}.duckdb"
    backup = kept if wal_of(path).exists() else None
    if backup is not None:  # to replay some logs DuckDB writes to the file, even when it only reads
        copy_with_log(path, kept)
    try:
        design = design_of(path)
    except BaseException:
        discard(kept)
        raise
    file = FileUpgrade(design.version, backup, dropped=list(design.hnsw_indexes))
    if design.current:
        discard(kept)
        file.backup = None
    elif design.version == 0:
        anyio.run(_convert, settings, file, kept, report)
    else:
        if backup is None:
            copy_with_log(path, kept)
            file.backup = kept
        migrate(path, design.hnsw_indexes)
    return file


async def _convert(settings: Settings, file: FileUpgrade, kept: Path, report: Progress) -> None:
    """Replaces a database of the original design by a new one with its executions."""
    path = settings.database_path
    staging = staging_of(path)

    def put_in_place() -> None:
        discard_indexes(settings.index_dir)
        swap(path, None if file.backup else kept)
        file.backup = kept

    await anyio.to_thread.run_sync(discard, staging)
    try:
        await _read_into(open_store(settings, staging), settings, file, report)
        await anyio.to_thread.run_sync(examine, staging)
        await anyio.to_thread.run_sync(put_in_place)
    except BaseException:
        if not replacement_marker(path).exists():
            discard(staging)
        raise


async def _read_into(
    store: FileStore, settings: Settings, file: FileUpgrade, report: Progress
) -> None:
    notes = Notes()
    parts = batches(read_duckdb(settings.database_path, notes))
    made = LearningService(settings, store)
    try:
        while batch := await anyio.to_thread.run_sync(next, parts, None):
            imported = await made.import_batch(ImportBatch.model_construct(records=batch))
            file.skipped["of an excluded repository"] += imported.excluded
            share = notes.done / max(notes.total, 1)
            await report(0.3 * min(share, 1), f"{notes.done} of {notes.total} read")
        await store.checkpoint()
    finally:
        await made.close()
    file.skipped = +(file.skipped + notes.skipped)


async def embed_and_index(settings: Settings, report: Progress) -> tuple[Health, int]:
    """Performs the second step; returns the resulting health and the number embedded."""
    async with service(settings) as opened:
        embedded = 0

        async def further(share: float, message: str) -> None:
            await report(0.3 + 0.4 * share, message)

        async def onward(share: float, message: str) -> None:
            await report(0.7 + 0.3 * share, message)

        try:
            embedded = (await opened.embed_missing(EmbedMissing(), further)).embedded
        except LearningError:
            if not (await opened.health()).reembed_due:
                raise
            embedded = (await opened.rebuild(RebuildIndex(reembed=True), onward)).reembedded
        health = await opened.health()
        least = {"auto": settings.hnsw_min_rows, "hnsw": 1}.get(settings.search_mode)
        wants_index = least is not None and health.rows >= least
        if wants_index and health.index.state not in ("ready", "building"):
            await opened.rebuild(RebuildIndex(), onward)
        await verify(opened)
        return await opened.health(), embedded


async def verify(opened: Learning) -> None:
    """Checks that every execution has a vector, and that a search finds the first one.

    Executions that agents record meanwhile are embedded by the server.

    Raises:
        IndexUnavailable: A vector can't be made.
        StoreError: The search finds nothing.
    """
    await opened.embed_missing(EmbedMissing(), ignore_progress)
    page = await opened.export_page(ExportPage(limit=1))
    for row in page.rows:
        question = FindSimilarTasks(task_description=row["task_description"], min_similarity=0.0)
        if not (await opened.find(question)).matches:
            raise StoreError("a search doesn't find a stored execution; run `mcp-learning doctor`")
