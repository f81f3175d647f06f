"""Keeps embeddings and indexes up with the truth.

The embedding queue is simply the executions without a vector, so it survives any crash. It is
drained in the background, and by a search that finds it short (an agent reads its own writes).

Invariant: vectors are stored, and indexes replaced, only under `_indexing`. So the vectors in
memory are those in the database, and one rebuild runs at a time.
"""

import logging
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import IndexUnavailable, LearningError
from mcp_learning.learn.embedding import BATCH, embed_and_store, fill_next
from mcp_learning.learn.rebuilding import Progress, build_index
from mcp_learning.learn.redact import redact
from mcp_learning.models.requests import Filters, RebuildIndex
from mcp_learning.models.results import IndexHealth, IndexingHealth, RebuildReport
from mcp_learning.search.hybrid import Found, Query, Retriever
from mcp_learning.settings import Settings
from mcp_learning.store import embeddings
from mcp_learning.store.duckdb import Cursor, Database

logger = logging.getLogger(__name__)

READ_OWN_WRITES = 64
"""Longest queue that a search waits for, in executions: about half a second."""

PAUSE = 0.05
"""Seconds without a record after which embedding starts by itself; a search doesn't wait for it."""

LONGEST_WAIT = 5.0
"""Seconds after which embedding starts even while records keep coming."""

REEMBED_SHARE = 0.6
"""Share of the work, 0..1, that re-embedding is reported to be when it comes before a build."""


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
        self._loaded = 0  # the opening of the database that was read
        self._building = False
        self._pending = 0
        self._noticed = 0
        self._work = anyio.Event()

    def notice(self) -> None:
        """Says that an execution was written which may need a vector. Call after the commit."""
        self._pending += 1
        self._noticed += 1
        self._work.set()

    async def forget(self, task_ids: Iterable[UUID]) -> None:
        """Lets go of deleted executions. Call after the commit."""
        await anyio.to_thread.run_sync(self.retriever.drop, set(task_ids))

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
                if self._database.closing:
                    return
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
            if self._loaded and self._loaded == self._database.openings:
                return
            await anyio.to_thread.run_sync(self.embedder.load, abandon_on_cancel=True)
            async with self._indexing:
                await self._database.open()
                opening = self._database.openings
                await self._database.write(self._fit_table)
                if not self.reembed_due:
                    await self._database.read(self._load_retriever)
                await self._count_pending()
            self._loaded = opening

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
        query = Query(
            vector=await anyio.to_thread.run_sync(self._embed_question, text),
            filters=filters,
            limit=limit,
            floor=self._floor if floor is None else floor or -1.0,  # 0 leaves nothing out
            now=datetime.now(UTC),
        )
        return await self._database.read(lambda cursor: self.retriever.search(cursor, query))

    def _embed_question(self, text: str) -> NDArray[np.float32]:
        # Stored text has no secrets either, so a question is most alike without its own.
        (vector,) = self.embedder.embed([embedding_text(redact(text)[0])])
        return np.asarray(vector)

    async def drain(self) -> None:
        """Embeds everything in the queue."""
        if self.reembed_due:
            return
        async with self._indexing:
            while rows := await self._database.read(
                lambda cursor: embeddings.pending(cursor, BATCH)
            ):
                refs, vectors = await embed_and_store(self._database, self.embedder, rows)
                with anyio.CancelScope(shield=True):  # what is stored has to be found
                    # In a thread: it may wait for an index that is just being opened.
                    await anyio.to_thread.run_sync(self.retriever.add, refs, vectors)
                self._pending = max(0, self._pending - len(refs))
            await self._count_pending()

    async def _count_pending(self) -> None:
        """Counts the queue anew; what is noticed while it is counted comes on top."""
        noticed = self._noticed
        counted = await self._database.read(embeddings.count_pending)
        self._pending = counted + self._noticed - noticed

    async def rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        """Recomputes embeddings if asked, then builds the HNSW index and puts it in place.

        Searches go on meanwhile, on the old index. Cancelled, they go on as before; what a
        cancelled re-embed had computed is kept for the next one.

        Raises:
            IndexUnavailable: Another rebuild is under way, a re-embed is due, there is nothing to
                index, or the index can't be built.
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
            done = REEMBED_SHARE if request.reembed else 0.0
            info = await build_index(
                self._database,
                self._settings,
                model=self.embedder.fingerprint,
                parameters=request.parameters,
                adopt=self._adopt_index,
                progress=lambda share, text: progress(done + (1 - done) * share, text),
            )
        finally:
            self._building = False
        return RebuildReport(
            rows=info.rows,
            reembedded=reembedded,
            seconds=round(time.monotonic() - started, 3),
            bytes=self.retriever.index_bytes,
            m=info.m,
            ef_construction=info.ef_construction,
            recall_at_10=info.recall_at_10,
        )

    async def _reembed(self, progress: Progress) -> int:
        count = await fill_next(
            self._database,
            self.embedder,
            lambda share, text: progress(REEMBED_SHARE * share, text),
        )
        async with self._indexing:
            with anyio.CancelScope(shield=True):
                width = self.embedder.dimension
                await self._database.write(lambda c: embeddings.adopt_next(c, width))
                self.reembed_due = False
                await self._database.read(self._load_retriever)
        return count

    async def _adopt_index(self, built: Path) -> None:
        async with self._indexing:
            model = self.embedder.fingerprint
            await self._database.read(lambda c: self.retriever.replace_index(c, built, model))

    @property
    def shortcoming(self) -> str | None:
        """Why searches are not as good as they could be; None when they are."""
        if self.reembed_due:
            return self._reembed_reason
        if self._pending > 0:
            return f"{self._pending} executions still wait for their embedding"
        if self.retriever.wants_index and self.retriever.index is None:
            why = self.retriever.index_problem or "there is no HNSW index yet; run rebuild_index"
            return f"exact search serves, since {why}"
        return None

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
        info, reason = self.retriever.index_info, self.retriever.index_problem
        if info is None:
            if self._building:
                return IndexHealth(state="building")
            if not self._loaded:
                return IndexHealth(state="loading")
            return IndexHealth(state="stale" if reason else "none", reason=reason)
        return IndexHealth(
            state="building" if self._building else "ready",
            rows=info.rows,
            bytes=self.retriever.index_bytes,
            built_at=info.built_at,
            m=info.m,
            ef_construction=info.ef_construction,
            recall_at_10=info.recall_at_10,
        )

    async def close(self) -> None:
        """Closes the index file."""
        await anyio.to_thread.run_sync(self.retriever.close, abandon_on_cancel=True)

    def _fit_table(self, cursor: Cursor) -> None:
        """Finds out whether the vectors are of this model; an empty table takes its dimension."""
        stored = embeddings.model(cursor)
        self.reembed_due = stored not in (None, self.embedder.fingerprint)
        if stored is None and embeddings.dimension(cursor) != self.embedder.dimension:
            embeddings.create_table(cursor, "embeddings", self.embedder.dimension)
        if self.reembed_due:
            logger.warning("%s", self._reembed_reason)

    def _load_retriever(self, cursor: Cursor) -> None:
        self.retriever.load(cursor, self.embedder.fingerprint, self.embedder.dimension)
