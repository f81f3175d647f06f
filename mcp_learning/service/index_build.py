"""Building the HNSW index beside the one in use, and putting it in its place.

The build runs in a child process (`search.hnsw_build`), so that cancelling it, or leaving, takes no
time. Until the new file is renamed into place, nothing that searches use has changed.
"""

import math
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.hnsw import Build, IndexInfo
from mcp_learning.service.protocol import Progress
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import embeddings
from mcp_learning.store.duckdb.connection import Database

SECONDS_PER_ROW = 0.0005
"""At 10,000 rows; it grows with the logarithm of their number."""


async def build_index(
    database: Database,
    settings: Settings,
    *,
    model: str,
    parameters: tuple[int, int],
    adopt: Callable[[Path, IndexInfo], Awaitable[None]],
    progress: Progress,
) -> IndexInfo:
    """Builds an index over all vectors of the database, measures it, and has it adopted.

    Args:
        database: Where the vectors are.
        settings: The directory of the index and its ef_search.
        model: Fingerprint of the model that made the vectors.
        parameters: (M, ef_construction).
        adopt: Verifies the finished file and takes it over.
        progress: Hears of the share done.

    Raises:
        IndexUnavailable: There is nothing to index, or the build failed.
    """
    build = Build(settings.index_dir)
    try:
        dimension = await database.read(embeddings.dimension)
        rows, watermark = await database.read(lambda c: build.write(embeddings.read(c)))
        if rows == 0:
            raise IndexUnavailable("there is nothing to index yet; record executions first")
        await progress(0.1, f"building the index over {rows} rows")
        wanted = IndexInfo(
            model=model,
            dimension=dimension,
            watermark=watermark,
            rows=rows,
            m=parameters[0],
            ef_construction=parameters[1],
            ef_search=settings.hnsw_ef_search,
            built_at=datetime.now(UTC),
        )
        info = await run_build(build, wanted, progress)
        await adopt(build.path, wanted)
        await progress(1.0, "the new index is in use")
        return info
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(build.discard)


async def run_build(build: Build, wanted: IndexInfo, progress: Progress) -> IndexInfo:
    """Runs the child process of a build whose vectors are written; ends it when cancelled.

    Args:
        build: What to run.
        wanted: What the index is to be made from.
        progress: Hears every second of the share done.

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


async def _outcome(build: Build, wanted: IndexInfo) -> IndexInfo | IndexUnavailable:
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
        # The build can't be asked how far it is: approach 95 % at the speed measured elsewhere.
        share = 0.1 + 0.85 * (1 - math.exp(-elapsed / expected))
        await progress(share, f"building for {elapsed:.0f} s")
