"""Keeps embeddings and indexes up with the truth.

The embedding queue is simply the executions without a vector, so it survives any crash. It is
drained in the background, and by a search that finds it short (an agent reads its own writes).

Invariant: vectors are stored, and indexes replaced, only under `_indexing`. So the vectors in
memory are those in the database, and one rebuild runs at a time.
"""

import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Literal

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import IndexUnavailable, LearningError
from mcp_learning.models.requests import Filters, RebuildIndex
from mcp_learning.models.results import IndexHealth, IndexingHealth, RebuildReport
from mcp_learning.search.hnsw import Build, IndexInfo
from mcp_learning.search.hybrid import Found, Query, Retriever
from mcp_learning.settings import Settings
from mcp_learning.store import embeddings, executions
from mcp_learning.store.duckdb import Cursor, Database
from mcp_learning.store.embeddings import Unembedded

logger = logging.getLogger(__name__)

Progress = Callable[[float, str], Awaitable[None]]
"""Takes the share done, 0..1, and what is being done."""

READ_OWN_WRITES = 64
"""Longest queue that a search waits for, in executions: about half a second."""

BATCH = 64
"""Executions embedded and stored at a time."""

READ_CHUNK = 50_000
"""Vectors copied into a new index at a time."""

PAUSE = 0.05
"""Seconds without a record after which embedding starts by itself; a search doesn't wait for it."""

LONGEST_WAIT = 1.0
"""Seconds after which embedding starts even while records keep coming."""

NEXT_TABLE = "embeddings_next"


class Indexer:
    """Owns the embedder and the retriever of one database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.embedder = Embedder(
            settings.embedding_model,
            cache_dir=settings.model_dir,
            threads=settings.embedding_threads or None,
        )
        self.retriever = Retriever(
            settings.index_dir,
            settings.search_mode,
            settings.hnsw_min_rows,
            settings.hnsw_ef_search,
        )
        self.reembed_due = False
        self.problem: str | None = None
        self._settings = settings
        self._database = database
        self._indexing = anyio.Lock()
        self._loading = anyio.Lock()
        self._loaded = False
        self._building = False
        self._pending = -1
        self._work = anyio.Event()

    def notice(self) -> None:
        """Says that an execution was written which may need a vector. Call after the commit."""
        self._pending += 1
        self._work.set()

    async def run(self) -> None:
        """Drains the queue for ever, each time that there is work and writing has paused."""
        while True:
            self._work = anyio.Event()
            try:
                await self.load()
                await self._pause_in_writing()
                await self.drain()
                self.problem = None
            except LearningError as error:
                self.problem = str(error)
                logger.warning("embedding is waiting: %s", error)
            except Exception:
                self.problem = "embedding failed; the server's log on stderr has the details"
                logger.exception("embedding failed; it is tried again with the next record")
            await self._work.wait()

    async def _pause_in_writing(self) -> None:
        """Waits until nothing was recorded for `PAUSE`, so that embedding doesn't delay records."""
        with anyio.move_on_after(LONGEST_WAIT):
            while True:
                self._work = anyio.Event()
                with anyio.move_on_after(PAUSE) as waiting:
                    await self._work.wait()
                if waiting.cancelled_caught:
                    return

    async def load(self) -> None:
        """Loads the model, then the vectors; a second caller waits for the first.

        Raises:
            EmbedderUnavailable: The model can't be loaded. The next call tries again.
            StoreError: The database can't be opened.
        """
        async with self._loading:
            if self._loaded:
                return
            await anyio.to_thread.run_sync(self.embedder.load, abandon_on_cancel=True)
            await self._database.write(self._fit_table)
            if not self.reembed_due:
                await self._database.read(self._load_retriever)
            self._pending = await self._database.read(embeddings.count_pending)
            self._loaded = True

    async def search(
        self, text: str, *, filters: Filters, limit: int, floor: float | None
    ) -> Found:
        """Embeds `text` and searches; first drains the queue if that is short.

        Nothing is found while a re-embed is due: vectors of two models can't be compared.

        Args:
            text: The task at hand.
            filters: Which executions may be returned.
            limit: Tasks wanted, at least 1.
            floor: Least cosine similarity, 0..1; None: as configured, else the model's own.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read.
        """
        await self.load()
        if self.reembed_due:
            return Found(ranked=[], mode="exact", candidates=0, below_floor=0)
        if 0 < self._pending <= READ_OWN_WRITES:
            await self.drain()
        vectors = await anyio.to_thread.run_sync(self.embedder.embed, [embedding_text(text)])
        query = Query(
            vector=vectors[0],
            filters=filters,
            limit=limit,
            floor=self._floor if floor is None else floor,
            now=datetime.now(UTC),
        )
        return await self._database.read(lambda cursor: self.retriever.search(cursor, query))

    async def drain(self) -> None:
        """Embeds everything in the queue."""
        if self.reembed_due:
            return
        async with self._indexing:
            while rows := await self._database.read(
                lambda cursor: embeddings.pending(cursor, BATCH)
            ):
                versions, vectors = await self._embed(rows, "embeddings")
                self.retriever.add(versions, vectors)
                self._pending = max(0, self._pending - len(versions))
            self._pending = await self._database.read(embeddings.count_pending)

    async def rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        """Recomputes embeddings if asked, then builds the HNSW index and puts it in place.

        Searches go on meanwhile, on the old index. Cancelled, everything stays as it was.

        Raises:
            IndexUnavailable: Another rebuild is under way, there is nothing to index, or the
                index can't be built.
            EmbedderUnavailable: The model can't be loaded.
        """
        if self._building:
            raise IndexUnavailable("a rebuild is under way; wait for it to end")
        self._building = True
        started = time.monotonic()
        try:
            await self.load()
            reembedded = await self._reembed(progress) if request.reembed else 0
            if self.reembed_due:
                raise IndexUnavailable(self._reembed_reason)
            await self.drain()
            info, size = await self._build(request, progress, 0.6 if request.reembed else 0.0)
        finally:
            self._building = False
        return RebuildReport(
            rows=info.rows,
            reembedded=reembedded,
            seconds=round(time.monotonic() - started, 3),
            bytes=size,
            m=info.m,
            ef_construction=info.ef_construction,
            recall_at_10=info.recall_at_10,
        )

    @property
    def shortcoming(self) -> str | None:
        """Why searches are not as good as they could be; None when they are."""
        if self.reembed_due:
            return self._reembed_reason
        if self._pending > 0:
            return f"{self._pending} executions still wait for their embedding"
        return self.retriever.index_problem

    def health(self) -> IndexingHealth:
        """State of the embedder and the indexes."""
        waiting: Literal["unavailable", "loading"] = "unavailable" if self.problem else "loading"
        return IndexingHealth(
            embedder=self.embedder.model,
            embedder_state="ready" if self.embedder.loaded else waiting,
            reembed_due=self.reembed_due,
            search_mode=self.retriever.mode,
            index=self._index_health(),
            problem=self.problem,
        )

    @property
    def _floor(self) -> float:
        configured = self._settings.min_similarity
        return self.embedder.floor if configured is None else configured

    @property
    def _reembed_reason(self) -> str:
        return (
            f"the stored embeddings are of another model than {self.embedder.model}; a re-embed is "
            "due: call rebuild_index with reembed=true"
        )

    def _index_health(self) -> IndexHealth:
        index, reason = self.retriever.index, self.retriever.index_problem
        if index is None:
            if self._building:
                return IndexHealth(state="building")
            if not self._loaded:
                return IndexHealth(state="loading")
            return IndexHealth(state="stale" if reason else "none", reason=reason)
        return IndexHealth(
            state="building" if self._building else "ready",
            rows=index.info.rows,
            bytes=index.bytes,
            built_at=index.info.built_at,
            m=index.info.m,
            ef_construction=index.info.ef_construction,
            recall_at_10=index.info.recall_at_10,
        )

    async def close(self) -> None:
        """Closes the index file."""
        await anyio.to_thread.run_sync(self.retriever.close)

    def _fit_table(self, cursor: Cursor) -> None:
        """Finds out whether the vectors are of this model; an empty table takes its dimension."""
        embeddings.drop_table(cursor, NEXT_TABLE)
        stored = embeddings.model(cursor)
        self.reembed_due = stored not in (None, self.embedder.fingerprint)
        if stored is None and embeddings.dimension(cursor) != self.embedder.dimension:
            embeddings.create_table(cursor, "embeddings", self.embedder.dimension)
        if self.reembed_due:
            logger.warning("%s", self._reembed_reason)

    def _load_retriever(self, cursor: Cursor) -> None:
        self.retriever.load(cursor, self.embedder.fingerprint, self.embedder.dimension)

    async def _embed(
        self, rows: list[Unembedded], table: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Embeds rows of the queue and stores them; returns what was stored, by version."""
        texts = [embedding_text(row.task_description) for row in rows]
        vectors = await anyio.to_thread.run_sync(self.embedder.embed, texts)
        stored = await self._database.write(
            lambda cursor: embeddings.store(cursor, rows, vectors, self.embedder.fingerprint, table)
        )
        position = {row.task_id: index for index, row in enumerate(rows)}
        kept = [position[task_id] for task_id in stored]
        return np.fromiter(stored.values(), np.int64, len(stored)), vectors[kept]

    async def _reembed(self, progress: Progress) -> int:
        """Recomputes every vector into a second table, then swaps the tables in one commit."""
        total = await self._database.read(executions.count)
        width = self.embedder.dimension
        await self._database.write(lambda c: embeddings.create_table(c, NEXT_TABLE, width))
        done = 0
        try:
            while rows := await self._next_rows():
                versions, _ = await self._embed(rows, NEXT_TABLE)
                done += len(versions)
                await progress(0.6 * min(done / max(total, 1), 1.0), f"embedded {done} of {total}")
            async with self._indexing:
                await self._database.read(self.retriever.discard_index)
                await self._database.write(lambda c: embeddings.replace_table(c, NEXT_TABLE))
                self.reembed_due = False
                await self._database.read(self._load_retriever)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._database.write(lambda c: embeddings.drop_table(c, NEXT_TABLE))
            raise
        return done

    async def _next_rows(self) -> list[Unembedded]:
        return await self._database.read(lambda c: embeddings.pending(c, BATCH, NEXT_TABLE))

    async def _build(
        self, request: RebuildIndex, progress: Progress, share: float
    ) -> tuple[IndexInfo, int]:
        """Builds in a file of its own, verifies, replaces. `share`: of the work done before."""

        async def report(part: float, message: str) -> None:
            await progress(share + (1 - share) * part, message)

        build = Build(self._settings.index_dir)
        try:
            rows, watermark = await self._database.read(self._copy_to(build))
            if rows == 0:
                raise IndexUnavailable("there is nothing to index yet; record executions first")
            await report(0.1, f"building the index over {rows} rows")
            m, ef_construction = request.parameters
            wanted = IndexInfo(
                model=self.embedder.fingerprint,
                dimension=self.embedder.dimension,
                watermark=watermark,
                rows=rows,
                m=m,
                ef_construction=ef_construction,
                ef_search=self._settings.hnsw_ef_search,
                built_at=datetime.now(UTC),
            )
            info = await self._run(build, wanted, report)
            async with self._indexing:
                await self._database.read(
                    lambda c: self.retriever.replace_index(c, build.path, info.model)
                )
            await report(1.0, "the new index is in use")
            return info, self._settings.index_dir.joinpath("hnsw.duckdb").stat().st_size
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(build.discard)

    def _copy_to(self, build: Build) -> Callable[[Cursor], tuple[int, int]]:
        def copy(cursor: Cursor) -> tuple[int, int]:
            def chunks() -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
                after = 0
                while True:
                    versions, vectors = embeddings.read(cursor, after, READ_CHUNK)
                    if not len(versions):
                        return
                    yield versions, vectors
                    after = int(versions[-1])

            return build.write(chunks(), self.embedder.dimension)

        return copy

    async def _run(self, build: Build, wanted: IndexInfo, report: Progress) -> IndexInfo:
        """Waits for the child process; reports about every second; kills it when cancelled."""
        expected = 0.0005 * wanted.rows * max(1.0, math.log10(wanted.rows) / 4)
        async with anyio.create_task_group() as group:
            group.start_soon(_tick, expected, report)
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


async def _tick(expected: float, report: Progress) -> None:
    started = time.monotonic()
    while True:
        await anyio.sleep(1)
        elapsed = time.monotonic() - started
        # The build can't be asked how far it is: approach 95 % at the speed measured elsewhere.
        await report(0.1 + 0.85 * (1 - math.exp(-elapsed / max(expected, 1))), f"{elapsed:.0f} s")
