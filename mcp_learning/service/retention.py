"""Retention: what a limit lets go is archived, then forgotten, then its space is reclaimed.

Archive and deletion are one transaction per batch, and the archive is complete on the disk before
it is committed: a kill at any moment loses nothing, and leaves at worst an archive of executions
that are still there.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import anyio
import anyio.to_thread

from mcp_learning.errors import InvalidInput, LearningError, StoreError
from mcp_learning.models.maintenance import Prune, PruneReport, Unarchive, UnarchiveReport
from mcp_learning.service.recovery import stamp
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import archives, copies, embeddings, executions
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.files import wal_of
from mcp_learning.store.types import Expired

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer

logger = logging.getLogger(__name__)

BATCH = 5_000
"""Executions that are archived and forgotten at a time: a record waits for one batch at most."""

PERIOD = 24 * 3_600.0
"""Seconds after which a configured policy is applied again."""

WORTH_RECLAIMING = 0.2
"""Share of the executions that have to go for the policy to rewrite the file."""

LEFTOVER_AGE = 24 * 3_600.0
"""Age, in seconds, at which a half-written file is taken for one that nobody writes any more."""

pause = anyio.sleep

Progress = Callable[[float, str], Awaitable[None]]


class Retention:
    """Prunes one database.

    Args:
        settings: Where it is, and the policy.
        database: It.
        indexing: Gives the indexer of what is derived from it.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        indexing: Callable[[], Awaitable["Indexer"]],
    ) -> None:
        self._settings = settings
        self._database = database
        self._indexing = indexing
        self._pruning = anyio.Lock()

    async def prune(self, request: Prune, progress: Progress) -> PruneReport:
        """Does what is asked, or counts; made again, it finds only what is left to do.

        Raises:
            StoreError: An archive can't be written, or the file not be replaced. What was
                archived by then is forgotten, everything else is still there.
        """
        async with self._pruning:
            before = await self._database.read(self._size)
            chosen = await self._database.read(partial(_leaving, request=request))
            archived: list[str] = []
            dropped = False
            if not request.dry_run:
                archived = await self._forget(chosen.task_ids, request.archive, progress)
                if request.reclaim:
                    await progress(0.9, "rewriting the file")
                    dropped = await self._reclaim()
            return PruneReport(
                dry_run=request.dry_run,
                executions=len(chosen.task_ids),
                oldest=chosen.oldest and chosen.oldest.replace(tzinfo=UTC),
                newest=chosen.newest and chosen.newest.replace(tzinfo=UTC),
                kept=await self._database.read(executions.count)
                - (len(chosen.task_ids) if request.dry_run else 0),
                archives=archived,
                bytes_before=before,
                bytes_after=await self._database.read(self._size),
                reclaimed=request.reclaim and not request.dry_run,
                index_dropped=dropped,
            )

    async def unarchive(self, request: Unarchive) -> UnarchiveReport:
        """Brings back the executions of archives that are not there; the others stay as they are.

        Raises:
            StoreError: A file is no archive; those before it were read.
        """
        done = UnarchiveReport(files=0, executions=0, present=0, feedback=0)
        for path in request.paths:
            found = await self._database.write(partial(archives.read, source=Path(path)))
            done = UnarchiveReport(
                files=done.files + 1,
                executions=done.executions + found.added,
                present=done.present + found.present,
                feedback=done.feedback + found.feedback,
            )
            (await self._indexing()).notice()
        return done

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
            await pause(PERIOD)

    async def _apply(self, limits: Prune) -> None:
        preview = await self.prune(limits.model_copy(update={"dry_run": True}), _unheard)
        if not preview.executions:
            return
        share = preview.executions / (preview.executions + preview.kept)
        wanted = limits.model_copy(update={"reclaim": share >= WORTH_RECLAIMING})
        done = await self.prune(wanted, _unheard)
        logger.info("retention: %d executions were archived in %s", done.executions, limits.archive)

    async def _forget(
        self, chosen: Sequence[UUID], archive: str | None, progress: Progress
    ) -> list[str]:
        archived: list[str] = []
        began = stamp()
        for number, start in enumerate(range(0, len(chosen), BATCH), 1):
            batch = chosen[start : start + BATCH]
            target = None if archive is None else Path(archive, f"{began}-{number:04d}.parquet")
            with anyio.CancelScope(shield=True):  # what is deleted has to leave memory, too
                await self._database.write(partial(_archive_and_delete, batch=batch, target=target))
                await (await self._indexing()).forget(batch)
            if target is not None:
                archived.append(str(target))
            done = start + len(batch)
            await progress(0.9 * done / len(chosen), f"{done} of {len(chosen)} forgotten")
        return archived

    async def _reclaim(self) -> bool:
        indexer = await self._indexing()
        with anyio.CancelScope(shield=True):
            dropped = await self._database.read(
                lambda cursor: indexer.retriever.slot.drop_dead(
                    lambda watermark: embeddings.count(cursor, up_to=watermark)
                )
            )
            await self._database.replace(copies.copy)
            await anyio.to_thread.run_sync(self._remove_leftovers)
            indexer.notice()
        return dropped

    def _remove_leftovers(self) -> None:
        """Files that were being written when a process was killed."""
        for directory in (self._settings.backup_dir, self._settings.archive_dir):
            for file in directory.glob("*.writing*"):
                if time.time() - file.stat().st_mtime > LEFTOVER_AGE:
                    file.unlink(missing_ok=True)

    def _size(self, _: Cursor) -> int:
        path = self._settings.database_path
        return sum(file.stat().st_size for file in (path, wal_of(path)) if file.exists())


def policy(settings: Settings) -> Prune:
    """The configured limits, with the archive in the data directory."""
    return Prune(
        older_than_days=settings.retention_days,
        max_mb=settings.retention_max_mb,
        archive=str(settings.archive_dir),
    )


def archives_in(path: Path) -> list[Path]:
    """The archive, or those in the directory, in the order in which they were written.

    Raises:
        InvalidInput: There is none.
    """
    found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not found:
        raise InvalidInput("FILE", f"there is no archive in {path}")
    return found


def _leaving(cursor: Cursor, request: Prune) -> Expired:
    days, most = request.older_than_days, request.max_mb
    return archives.expired(
        cursor,
        before=None if days is None else datetime.now(UTC) - timedelta(days=days),
        max_bytes=None if most is None else most * 2**20,
    )


def _archive_and_delete(cursor: Cursor, batch: Sequence[UUID], target: Path | None) -> None:
    if target is not None:
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{target.parent} can't be made ({error.strerror}); name another archive directory"
            ) from error
        archives.write(cursor, batch, target)
    executions.delete(cursor, batch)


async def _unheard(share: float, message: str) -> None:
    """Progress of what nobody asked for."""
