"""Builds the HNSW index beside the one in use, then replaces that.

The build runs in a child process (`search.hnsw_build`), so that it can be cancelled at once. Until
the new file is renamed into place, nothing that searches use has changed.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread

from mcp_learning.errors import IndexUnavailable, LearningError
from mcp_learning.models.maintenance import RebuildReport
from mcp_learning.models.requests import RebuildIndex
from mcp_learning.models.wording import counted
from mcp_learning.search.build_process import BuildProcess
from mcp_learning.search.hnsw import IndexInfo
from mcp_learning.service.embedding import EmbeddingQueue
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.service.protocol import Progress, ignore_progress
from mcp_learning.settings import Settings

logger = logging.getLogger(__name__)

SECONDS_PER_ROW = 0.0005  # at 10,000 rows; it grows with the logarithm of their number

RETRY_GROWTH = 1.2
"""A failed automatic rebuild is tried again when executions have grown by this factor."""

REEMBED_SHARE = 0.6
"""Share of the progress, 0..1, that is reported for re-embedding before a build."""


class IndexBuilder:
    """Rebuilds the HNSW index of one store, one rebuild at a time.

    `drain` embeds and tokenises everything that was recorded before; the retriever then uses the
    finished index.
    """

    def __init__(
        self,
        settings: Settings,
        sync: IndexSync,
        queue: EmbeddingQueue,
        drain: Callable[[], Awaitable[None]],
    ) -> None:
        self.building = False
        """Whether a rebuild is under way."""
        self.failed_rows = 0
        """Number of executions when the last automatic rebuild failed; 0: it didn't fail."""
        self._settings = settings
        self._store, self._embedder, self._retriever = sync.store, sync.embedder, sync.retriever
        self._sync = sync
        self._queue = queue
        self._drain = drain
        self._automatic: anyio.CancelScope | None = None  # around an automatic rebuild
        self._ended = anyio.Event()

    async def rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        """Recomputes embeddings if requested, then builds the HNSW index and puts it in place.

        Searches use the old index meanwhile, and after a cancellation. What a cancelled re-embed
        computed is kept for the next one. An automatic rebuild that is under way is cancelled.

        Raises:
            IndexUnavailable: Another requested rebuild is under way, a re-embed is due, there is
                nothing to index, or the index can't be built.
            EmbedderUnavailable: The model can't be loaded.
        """
        if self._automatic is not None:
            self._automatic.cancel()
            await self._ended.wait()
        if self.building:
            raise IndexUnavailable("a rebuild is under way; wait for it to end")
        self.building = True
        try:
            return await self._rebuild(request, progress)
        finally:
            self.building = False

    def is_due(self) -> bool:
        """Whether an automatic rebuild is due; blocks, and runs in a worker thread.

        After a failure, none is due before there is considerably more to index.
        """
        grown = len(self._retriever.rows) > RETRY_GROWTH * self.failed_rows
        return not self._sync.reembed_due and grown and self._retriever.stale

    async def rebuild_stale(self) -> None:
        """Builds an index because it is missing or stale. Never raises.

        The caller has set `building`.
        """
        self._automatic, self._ended = anyio.CancelScope(), anyio.Event()
        rows = len(self._retriever.rows)
        try:
            with self._automatic:
                logger.info("building the HNSW index over %d executions", rows)
                report = await self._rebuild(RebuildIndex(), ignore_progress)
                self.failed_rows = 0
                logger.info("the HNSW index is in use, after %.0f s", report.seconds)
        except LearningError as error:
            self.failed_rows = rows
            logger.warning("the HNSW index was not built: %s", error)
        except Exception:
            self.failed_rows = rows
            logger.exception("the HNSW index was not built; exact search goes on")
        finally:
            self.building, self._automatic = False, None
            self._ended.set()

    async def _rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        started = time.monotonic()
        await self._sync.load()
        reembedded, done = 0, 0.0
        if request.reembed:
            done = REEMBED_SHARE
            reembedded = await self._queue.reembed(_part(progress, 0, done))
        if self._sync.reembed_due:
            raise IndexUnavailable(self._sync.reembed_reason)
        await self._drain()
        info = await self._build(request.parameters, _part(progress, done, 1))
        return RebuildReport(
            rows=info.rows,
            reembedded=reembedded,
            seconds=round(time.monotonic() - started, 3),
            bytes=self._retriever.index_manager.state.bytes,
            m=info.m,
            ef_construction=info.ef_construction,
            recall_at_10=info.recall_at_10,
        )

    async def _build(self, parameters: tuple[int, int], progress: Progress) -> IndexInfo:
        """Builds an index with (M, ef_construction) over all vectors, and puts it in place."""
        build = BuildProcess(self._settings.index_dir)
        try:
            if await self._store.vectors(build.add) == 0:
                raise IndexUnavailable("there is nothing to index yet; record executions first")
            await progress(0.1, f"building the index over {counted(build.rows, 'row')}")
            wanted = IndexInfo(
                model=self._embedder.fingerprint,
                dimension=self._embedder.dimension,
                watermark=build.watermark,
                rows=build.rows,
                m=parameters[0],
                ef_construction=parameters[1],
                ef_search=self._settings.hnsw_ef_search,
                built_at=datetime.now(UTC),
            )
            info = await run_build(build, wanted, progress)
            await self._adopt(build.path, wanted)
            await progress(1.0, "the new index is in use")
            return info
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(build.discard)

    async def _adopt(self, built: Path, expected: IndexInfo) -> None:
        async with self._sync.storing:
            with anyio.CancelScope(shield=True):
                replace = self._retriever.replace_index
                await anyio.to_thread.run_sync(replace, built, expected)


async def run_build(build: BuildProcess, wanted: IndexInfo, progress: Progress) -> IndexInfo:
    """Runs the child process of a build whose vectors are written; kills it when cancelled.

    Returns:
        `wanted` with the recall that was measured.

    Raises:
        IndexUnavailable: The build failed.
    """
    async with anyio.create_task_group() as group:
        group.start_soon(_tick, wanted.rows, progress)
        outcome = await _outcome(build, wanted)
        group.cancel_scope.cancel()
    if isinstance(outcome, IndexUnavailable):
        raise outcome
    return outcome


async def _outcome(build: BuildProcess, wanted: IndexInfo) -> IndexInfo | IndexUnavailable:
    """The error is returned, since a task group would wrap a raised one."""
    try:
        return await anyio.to_thread.run_sync(build.run, wanted, abandon_on_cancel=True)
    except IndexUnavailable as error:
        return error
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(build.cancel)
        raise


async def _tick(rows: int, progress: Progress) -> None:
    expected = max(1.0, SECONDS_PER_ROW * rows * math.log10(max(rows, 10)) / 4)
    started = time.monotonic()
    while True:
        await anyio.sleep(1)
        elapsed = time.monotonic() - started
        # The build doesn't report progress: approach 95 % at the speed that was measured.
        share = 0.1 + 0.85 * (1 - math.exp(-elapsed / expected))
        await progress(share, f"building for {elapsed:.0f} s")


def _part(progress: Progress, start: float, end: float) -> Progress:
    """Scales the progress of a part of the work to the range `start`..`end`."""

    async def report(share: float, text: str) -> None:
        await progress(start + (end - start) * share, text)

    return report
