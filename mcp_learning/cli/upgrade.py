"""`mcp-learning upgrade`: an older database brought up to date.

An upgrade has two parts. The first needs the file alone: it is kept, and migrated, or made anew
from a database of the original design. The second is done beside running agents: vectors and the
index. Each step finds out whether it is still to be done, so that the command can be repeated.
"""

import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import fail, load_settings, run, service
from mcp_learning.clients.transfer.imported import Notes, batches
from mcp_learning.clients.transfer.tables import read_duckdb
from mcp_learning.cluster.connect import leader_health
from mcp_learning.cluster.exclusive_access import exclusive_access
from mcp_learning.errors import LearningError, StoreError, StoreLocked
from mcp_learning.models.maintenance import EmbedMissing, UpgradeReport
from mcp_learning.models.requests import FindSimilarTasks, RebuildIndex
from mcp_learning.models.results import Health
from mcp_learning.models.transfer import ExportPage, ImportBatch
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import Learning, Progress, ignore_progress
from mcp_learning.service.recovery import stamp
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.duckdb.backups import keep_copy, swap
from mcp_learning.store.duckdb.copies import examine
from mcp_learning.store.duckdb.files import discard, finish_replacing, replacing, staging_of, wal_of
from mcp_learning.store.duckdb.upgrade import design_of, migrate
from mcp_learning.store.protocol import FileStore

ROUNDS = 5
"""How often what was recorded meanwhile is embedded, too, before that is given up."""


@dataclass
class _File:
    """What the first part did."""

    version: int
    backup: Path | None = None
    dropped: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def upgrade(data_dir: DataDir = None, json: Json = False) -> None:
    """Bring the database up to date: back up, migrate, embed, index, verify."""
    settings = load_settings(data_dir)
    started = time.monotonic()
    if not settings.database_path.exists():
        fail(f"there is no database at {settings.database_path}; one is made at first use")
    with reported_progress(quiet=json) as report:
        try:
            file = _bring_file_up(settings, report)
        except LearningError as error:
            fail(str(error))
        health, embedded = run(lambda: _complete(settings, report))
    done = UpgradeReport(
        path=str(settings.database_path),
        from_version=file.version,
        to_version=health.schema_version,
        backup=None if file.backup is None else str(file.backup),
        executions=health.rows,
        skipped=dict(file.skipped),
        dropped_indexes=file.dropped,
        embedded=embedded,
        index=health.index.state,
        seconds=round(time.monotonic() - started, 1),
    )
    if json:
        print_json(done)
    else:
        _tell(done)


def _bring_file_up(settings: Settings, report: Progress) -> _File:
    """The first part; what a running server has open is up to date."""
    try:
        with exclusive_access(settings):
            return _file_alone(settings, report)
    except StoreLocked:
        health = anyio.run(leader_health, settings)
        if health is None or not health.schema_version:
            raise
        return _File(health.schema_version)


def _file_alone(settings: Settings, report: Progress) -> _File:
    path = settings.database_path
    finish_replacing(path)
    kept = settings.backup_dir / f"before-upgrade-{stamp()}.duckdb"
    backup = kept if wal_of(path).exists() else None
    if backup is not None:  # to replay some logs DuckDB writes to the file, even when it only reads
        keep_copy(path, kept)
    try:
        design = design_of(path)
    except BaseException:
        discard(kept)
        raise
    file = _File(design.version, backup, dropped=list(design.hnsw_indexes))
    if design.current:
        discard(kept)
        file.backup = None
    elif design.version == 0:
        anyio.run(_make_anew, settings, file, kept, report)
    else:
        if backup is None:
            keep_copy(path, kept)
            file.backup = kept
        migrate(path, design.hnsw_indexes)
    return file


async def _make_anew(settings: Settings, file: _File, kept: Path, report: Progress) -> None:
    """Reads a database of the original design into a new one, and puts that in its place."""
    path = settings.database_path
    staging = staging_of(path)

    def put_in_place() -> None:
        if settings.index_dir.exists():
            shutil.rmtree(settings.index_dir)
        swap(path, None if file.backup else kept)
        file.backup = kept

    await anyio.to_thread.run_sync(discard, staging)
    try:
        await _read_into(open_store(settings, staging), settings, file, report)
        await anyio.to_thread.run_sync(examine, staging)
        await anyio.to_thread.run_sync(put_in_place)
    except BaseException:
        if not replacing(path).exists():
            discard(staging)
        raise


async def _read_into(store: FileStore, settings: Settings, file: _File, report: Progress) -> None:
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


async def _complete(settings: Settings, report: Progress) -> tuple[Health, int]:
    """The second part: vectors, the index, and a look whether all of it is there."""
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
        if _wants_index(settings, health) and health.index.state not in ("ready", "building"):
            await opened.rebuild(RebuildIndex(), onward)
        await _verify(opened)
        return await opened.health(), embedded


def _wants_index(settings: Settings, health: Health) -> bool:
    if settings.search_mode == "auto":
        return health.rows >= settings.hnsw_min_rows
    return settings.search_mode == "hnsw" and health.rows > 0


async def _verify(opened: Learning) -> None:
    """Every execution has a vector, and the first one is found by its own words.

    Raises:
        StoreError: Something is missing.
    """
    for _ in range(ROUNDS):  # agents may be recording
        pending = (await opened.embed_missing(EmbedMissing(), ignore_progress)).pending
        if not pending:
            break
    else:
        raise StoreError(f"{pending} executions have no vector yet; run the command again")
    page = await opened.export_page(ExportPage(limit=1))
    for row in page.rows:
        question = FindSimilarTasks(task_description=row["task_description"], min_similarity=0.0)
        if not (await opened.find(question)).matches:
            raise StoreError("a search doesn't find what is there; run `mcp-learning doctor`")


def _tell(done: UpgradeReport) -> None:
    if done.from_version == done.to_version:
        typer.echo(f"{done.path} has schema version {done.to_version} already")
    else:
        was = f"version {done.from_version}" if done.from_version else "the original design"
        typer.echo(f"{done.path}: from {was} to schema version {done.to_version}")
    if done.backup:
        typer.echo(f"As it was, it is kept as {done.backup}")
    for index in done.dropped_indexes:
        typer.echo(f"The index {index} inside it is gone; indexes are files of their own now")
    for reason, rows in done.skipped.items():
        typer.echo(f"Left out: {rows} ({reason})")
    typer.echo(
        f"{done.executions} executions, {done.embedded} embedded now, index {done.index} "
        f"({done.seconds:.1f} s)"
    )
