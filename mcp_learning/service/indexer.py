"""The derived state of one store: the embedder, the indexes, and their upkeep in the background.

`index_sync` keeps the rows in memory up to date, `embedding` computes missing vectors,
`index_build` rebuilds a stale HNSW index, `searches` answers questions.
"""

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from mcp_learning.embed.embedder import Embedder
from mcp_learning.errors import LearningError
from mcp_learning.models.health import IndexHealth, IndexingHealth
from mcp_learning.models.requests import Filters
from mcp_learning.models.wording import counted
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.summaries import LIMIT, SHORT
from mcp_learning.service import allocator, index_state
from mcp_learning.service.embedding import EmbeddingQueue, StoreCached
from mcp_learning.service.index_build import IndexBuilder
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.service.searches import Searches
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import Store
from mcp_learning.store.shared import SharedVector
from mcp_learning.store.types import Unembedded

logger = logging.getLogger(__name__)

PAUSE = 0.05
"""Seconds without a record after which embedding starts; a search starts it at once."""

LONGEST_WAIT = 5.0  # seconds after which embedding starts even while records keep coming


class Indexer:
    """Owns the embedder and the retriever of one store.

    Methods raise EmbedderUnavailable when the model can't be loaded (the next call tries again),
    and StoreError when the store can't be read or written; searches go on with the current rows.

    Args:
        settings: The model, the search and the directory of derived files.
        store: The store.
        embedder: An existing embedder; None: the one that the settings name.
        retriever: A retriever without rows; None: one with the settings' values.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        embedder: Embedder | None = None,
        retriever: Retriever | None = None,
    ) -> None:
        self.embedder = embedder or Embedder(
            settings.embedding_model,
            cache_dir=settings.model_dir,
            threads=settings.embedding_threads or None,
        )
        self.retriever = retriever or Retriever(
            settings.index_dir,
            settings.search_mode,
            settings.hnsw_min_rows,
            settings.hnsw_ef_search,
        )
        self.problem: str | None = None
        self._settings = settings
        self._store = store
        self._sync = IndexSync(settings.index_dir, store, self.embedder, self.retriever)
        self._queue = EmbeddingQueue(self._sync)
        self._builder = IndexBuilder(settings, self._sync, self._queue, self.drain)
        self.load, self.sync = self._sync.load, self._sync.sync
        self.rebuild = self._builder.rebuild
        self.searches = Searches(settings, self._sync, self._queue, self._rebuild_failed_index)
        self._warmed = 0  # `IndexSync.loads` when the caches were filled
        self._fingerprint: str | None = None
        self._work = anyio.Event()

    @property
    def reembed_due(self) -> bool:
        """Whether the stored vectors are of another model."""
        return self._sync.reembed_due

    def notice(self) -> None:
        """Says that executions were written. Call it after the commit."""
        self._work.set()

    def _rebuild_failed_index(self) -> None:
        if self.retriever.index_manager.state.problem and not self._builder.failed_rows:
            self._work.set()

    async def forget(self, task_ids: Iterable[UUID]) -> None:
        """Removes the texts of deleted executions from memory. Call it after the commit."""
        await anyio.to_thread.run_sync(self.retriever.summaries.drop, list(task_ids))
        self._work.set()

    async def run(self) -> None:
        """Updates everything whenever there is work and writing pauses, until cancelled."""
        async with anyio.create_task_group() as group:
            await self._follow(group)

    async def _follow(self, group: TaskGroup) -> None:
        while True:
            self._work = anyio.Event()
            try:
                await self.load()
                await self._pause_in_writing()
                await self.settle()
                self.problem = None
                fingerprint = self.embedder.fingerprint
                await anyio.to_thread.run_sync(self.retriever.open_index, fingerprint)
                builder = self._builder
                if not builder.building and await anyio.to_thread.run_sync(builder.is_due):
                    builder.building = True
                    group.start_soon(builder.rebuild_stale)
            except LearningError as error:
                if self._store.closing:
                    group.cancel_scope.cancel()
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

    async def drain(self) -> None:
        """Embeds and tokenises everything that is queued now."""
        await self._sync.sync()
        await self._queue.embed(self.retriever.rows.sequence)
        if await self._sync.verify_vectors():
            await self._queue.embed(self.retriever.rows.sequence)
        await self._sync.tokenise(most=sys.maxsize)

    async def embed(self, up_to: int) -> None:
        """Embeds what is queued and has a change number of at most `up_to`."""
        await self._queue.embed(up_to)

    async def fingerprint(self) -> str:
        """The embedding model's fingerprint; loads the model unless it is the bundled one."""
        if self._fingerprint is None:
            self._fingerprint = await anyio.to_thread.run_sync(lambda: self.embedder.fingerprint)
        return self._fingerprint

    async def cache(
        self,
        fetched: Sequence[Unembedded],
        vectors: Sequence[SharedVector],
        total: int,
        store: StoreCached,
    ) -> bool:
        """As `EmbeddingQueue.cache`; ignores the vectors while a re-embed is due."""
        await self.load()
        return await self._queue.cache(fetched, () if self.reembed_due else vectors, total, store)

    async def mark_fetched(self, task_ids: Iterable[UUID], total: int) -> None:
        """As `RowTable.mark_fetched`."""
        await self.load()
        ids = [one.int for one in task_ids]
        await anyio.to_thread.run_sync(self.retriever.rows.mark_fetched, ids, total)

    async def absent(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that the rows in memory don't have."""
        await self.load()
        await self.sync()

        def absent() -> list[UUID]:
            return self.retriever.rows.snapshot(Filters(), datetime.now(UTC)).absent(task_ids)

        return await anyio.to_thread.run_sync(absent)

    async def informative_terms(self, text: str, most: int) -> dict[int, str]:
        """As `WordIndex.most_informative`."""
        await self.load()

        def terms() -> dict[int, str]:
            snapshot = self.retriever.rows.snapshot(Filters(), datetime.now(UTC))
            return snapshot.words.most_informative(text, most)

        return await anyio.to_thread.run_sync(terms)

    async def set_frequencies(self, counted: Mapping[int, int], total: int) -> None:
        """As `RowTable.set_frequencies`."""
        await self.load()
        await anyio.to_thread.run_sync(self.retriever.rows.set_frequencies, counted, total)

    async def adopt(self, waiting: Sequence[Unembedded], vectors: Sequence[SharedVector]) -> None:
        """Stores vectors of this model that another host computed, unless a re-embed is due."""
        await self.load()
        if not self.reembed_due:
            await self._queue.adopt(waiting, vectors)

    async def settle(self) -> None:
        """Brings everything up to date, compacts and saves it, and fills the caches."""
        await self.drain()
        await self._sync.compact()
        if self._warmed != self._sync.loads:
            self._warmed = self._sync.loads
            latest = await self._store.latest_summaries(LIMIT, SHORT)
            await anyio.to_thread.run_sync(self.retriever.summaries.keep, latest.values())
            del latest
            await anyio.to_thread.run_sync(self.retriever.warm, self.embedder.floor)
            await self._store.free_memory()  # of the rows that were read
            await anyio.to_thread.run_sync(allocator.release_free_memory)

    async def drop_outdated_index(self) -> bool:
        """Deletes the HNSW index if it holds vectors that the store lacks; says whether."""
        manager = self.retriever.index_manager
        info = await anyio.to_thread.run_sync(manager.stored)
        if info is not None and info.rows != await self._store.count_vectors(info.watermark):
            info = None
        return await anyio.to_thread.run_sync(manager.drop, info)

    @property
    def shortcoming(self) -> str | None:
        """Why searches are worse than they could be; None if they aren't."""
        rows, manager = self.retriever.rows, self.retriever.index_manager
        if self.reembed_due:
            return f"{self._sync.reembed_reason}; until then only words are searched"
        if rows.unembedded > 0:
            return f"{counted(rows.unembedded, 'execution')} can't be found by meaning yet"
        if rows.untokenised > 0:
            return f"the words of {counted(rows.untokenised, 'execution')} are still to be read"
        if self.retriever.wants_index and manager.index is None:
            if self._builder.building:
                return "exact search serves, while the HNSW index is being built"
            why = manager.state.problem or "there is no HNSW index yet"
            return f"exact search serves, since {why}; rebuild_index builds one"
        return None

    def health(self) -> IndexingHealth:
        """State of the embedder and the indexes; blocks for milliseconds."""
        waiting: Literal["unavailable", "loading"] = "unavailable" if self.problem else "loading"
        return IndexingHealth(
            embedder=self.embedder.model,
            embedder_state="ready" if self.embedder.loaded else waiting,
            reembed_due=self.reembed_due,
            search_mode=self.retriever.mode,
            index=self._index_health(),
            words_pending=self.retriever.rows.untokenised,
            words_bytes=self.retriever.rows.word_bytes,
            problem=self.problem,
        )

    def _index_health(self) -> IndexHealth:
        state, building = self.retriever.index_manager.state, self._builder.building
        info, rows = state.info, len(self.retriever.rows)
        if info is None:
            if building:
                return IndexHealth(state="building")
            if not self._sync.loads:
                return IndexHealth(state="loading")
            if state.problem:
                return IndexHealth(state="stale", reason=state.problem)
            return index_state.missing(self._settings, rows)
        described = index_state.described(info, state.bytes, self._settings, rows)
        state_now: Literal["building", "ready"] = "building" if building else "ready"
        newer = self.retriever.newer_than(info)
        return described.model_copy(update={"state": state_now, "newer_rows": newer})

    async def close(self) -> None:
        """Closes the index file."""
        await anyio.to_thread.run_sync(self.retriever.close, abandon_on_cancel=True)
