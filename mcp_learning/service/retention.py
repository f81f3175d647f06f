"""Retention: archives and deletes executions beyond the limits, and reclaims their space.

Archive and deletion are one transaction per batch, and the archive is complete on the disk before
the transaction is committed. A kill at any moment loses nothing; at worst it leaves an archive of
executions that are still in the database.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import anyio
import anyio.to_thread

from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.identifiers import file_timestamp
from mcp_learning.models.maintenance import Prune, PruneReport, Unarchive, UnarchiveReport
from mcp_learning.service.protocol import Progress, ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import FileStore
from mcp_learning.store.types import Expired, Selection

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

logger = logging.getLogger(__name__)

BATCH = 5_000
"""Executions archived and deleted in one transaction; a record waits for at most one batch."""

PERIOD = 24 * 3_600.0  # seconds after which a configured policy is applied again

WORTH_RECLAIMING = 0.2
"""The policy rewrites the file after deleting at least this share of the executions, 0..1."""

LEFTOVER_AGE = 24 * 3_600.0
"""Least age, in seconds, of an unfinished file that counts as left by a killed process."""


class Retention:
    """Prunes one database by the policy of the settings."""

    def __init__(
        self,
        settings: Settings,
        store: FileStore,
        indexing: Callable[[], Awaitable["Indexer"]],
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._settings = settings
        self._store = store
        self._indexing = indexing
        self._sleep = sleep
        self._pruning = anyio.Lock()

    async def prune(self, request: Prune, progress: Progress) -> PruneReport:
        """Archives and deletes executions beyond the limits, or counts them in a dry run.

        A call after an interrupted one does the rest.

        Raises:
            StoreError: An archive can't be written, or the file can't be replaced. What was
                archived until then is deleted, everything else is still stored.
        """
        async with self._pruning:
            before = await self._store.health()
            expired = await self._expired(request)
            archives: list[str] = []
            dropped = False
            if not request.dry_run:
                archives = await self._delete(expired.task_ids, request.archive, progress)
                if request.reclaim:
                    await progress(0.9, "rewriting the file")
                    dropped = await self._reclaim()
            after = await self._store.health()
            return PruneReport(
                dry_run=request.dry_run,
                executions=len(expired.task_ids),
                oldest=expired.oldest,
                newest=expired.newest,
                kept=after.rows - (len(expired.task_ids) if request.dry_run else 0),
                archives=archives,
                bytes_before=before.bytes,
                bytes_after=after.bytes,
                reclaimed=request.reclaim and not request.dry_run,
                index_dropped=dropped,
            )

    async def unarchive(self, request: Unarchive) -> UnarchiveReport:
        """Restores archived executions; those that exist stay as they are.

        Raises:
            StoreError: A file is no archive; those before it were restored.
        """
        total = UnarchiveReport(files=0, executions=0, present=0, feedback=0)
        for path in request.paths:
            restored = dict(await self._store.unarchive(Path(path)))
            total = UnarchiveReport(**{name: value + restored[name] for name, value in total})
            (await self._indexing()).notice()
        return total

    async def keep_to_policy(self) -> None:
        """Applies the configured limits now and every day; returns at once if there are none."""
        limits = policy(self._settings)
        while limits.older_than_days is not None or limits.max_mb is not None:
            try:
                await self._apply(limits)
            except LearningError as error:
                logger.warning("the retention policy was not applied: %s", error)
            except Exception:
                logger.exception("the retention policy was not applied; it is tried again")
            await self._sleep(PERIOD)

    async def _apply(self, limits: Prune) -> None:
        preview = await self.prune(limits.model_copy(update={"dry_run": True}), ignore_progress)
        if not preview.executions:
            return
        share = preview.executions / (preview.executions + preview.kept)
        wanted = limits.model_copy(update={"reclaim": share >= WORTH_RECLAIMING})
        done = await self.prune(wanted, ignore_progress)
        logger.info("retention: %d executions were archived in %s", done.executions, limits.archive)

    async def _expired(self, request: Prune) -> Expired:
        if request.generated:
            made = await self._store.delete(Selection(generated=True), dry_run=True)
            return Expired(made.task_ids, None, None)
        days, megabytes = request.older_than_days, request.max_mb
        return await self._store.expired(
            before=None if days is None else datetime.now(UTC) - timedelta(days=days),
            max_bytes=None if megabytes is None else megabytes * 2**20,
        )

    async def _delete(
        self, task_ids: Sequence[UUID], directory: str | None, progress: Progress
    ) -> list[str]:
        """Archives and deletes executions batch by batch; returns the paths of the archives."""
        archives: list[str] = []
        began = file_timestamp()
        for number, start in enumerate(range(0, len(task_ids), BATCH), 1):
            batch = task_ids[start : start + BATCH]
            target = None if directory is None else Path(directory, f"{began}-{number:04d}.parquet")
            with anyio.CancelScope(shield=True):  # memory has to follow what is deleted
                await self._store.archive(batch, target)
                await (await self._indexing()).forget(batch)
            if target is not None:
                archives.append(str(target))
            done = start + len(batch)
            await progress(0.9 * done / len(task_ids), f"{done} of {len(task_ids)} forgotten")
        return archives

    async def _reclaim(self) -> bool:
        """Rewrites the file; returns whether an HNSW index with deleted vectors was removed."""
        indexer = await self._indexing()
        with anyio.CancelScope(shield=True):
            dropped = await indexer.drop_outdated_index()
            await self._store.compact()
            await anyio.to_thread.run_sync(self._remove_leftovers)
            indexer.notice()
        return dropped

    def _remove_leftovers(self) -> None:
        """Deletes unfinished files that a killed process left."""
        for directory in (self._settings.backup_dir, self._settings.archive_dir):
            for file in directory.glob("*.writing*"):
                if time.time() - file.stat().st_mtime > LEFTOVER_AGE:
                    file.unlink(missing_ok=True)


def policy(settings: Settings) -> Prune:
    """The configured limits, with the archive in the data directory."""
    return Prune(
        older_than_days=settings.retention_days,
        max_mb=settings.retention_max_mb,
        archive=str(settings.archive_dir),
    )


def archives_in(path: Path) -> list[Path]:
    """The archive, or the archives in a directory, latest first.

    In this order the latest version of an execution is restored, and all uses: a use is in the
    archive of the execution that was removed first, and needs the other one to exist.

    Raises:
        InvalidInput: There is no archive.
    """
    found = sorted(path.glob("*.parquet"), reverse=True) if path.is_dir() else [path]
    if not found:
        raise InvalidInput("FILE", f"there is no archive in {path}")
    return found
