"""What searches and recommendations are made with: the embedder, the indexes, and their upkeep.

The store is the truth. `index_sync` keeps the rows in memory up with it, `embedding` makes vectors
that are missing, `index_build` rebuilds the HNSW index when it has become stale. That happens in
the background, and before a search that finds a little of it undone: an agent reads its own writes.
"""

import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import LearningError, StoreError
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import Filters, RebuildIndex, RecommendApproach
from mcp_learning.models.results import (
    ExecutionSummary,
    IndexHealth,
    IndexingHealth,
    RebuildReport,
    Recommendation,
)
from mcp_learning.redaction.secrets import redact
from mcp_learning.search.found import Found
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.scorer import Query
from mcp_learning.search.summaries import LIMIT, SHORT
from mcp_learning.service.embedding import EmbeddingQueue
from mcp_learning.service.index_build import IndexBuilder
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.service.protocol import Progress
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Vote

if TYPE_CHECKING:
    from mcp_learning.recommend.recommend import Assessment

logger = logging.getLogger(__name__)

READ_OWN_WRITES = 64
"""Longest queue that a search waits for, in executions: about half a second."""

READ_OWN_WORDS = 2_000
"""Executions whose words a search reads when they are still to be read: about 0.2 s."""

EVIDENCE_ROWS = 2_000
"""Executions that an index proposes as evidence, when not all are compared."""

PAUSE = 0.05
"""Seconds without a record after which embedding starts by itself; a search doesn't wait for it."""

LONGEST_WAIT = 5.0
"""Seconds after which embedding starts even while records keep coming."""

_SEARCHES = 4
"""Searches that run at the same time, each in its own thread."""


class Indexer:
    """Owns the embedder and the retriever of one store.

    Args:
        settings: Of the model, the search and the directory of derived files.
        store: The truth.
        embedder: One that is there already; None: the one that the settings name.
    """

    def __init__(self, settings: Settings, store: Store, embedder: Embedder | None = None) -> None:
        self.embedder = embedder or Embedder(
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
        self.problem: str | None = None
        self._settings = settings
        self._store = store
        self._sync = IndexSync(settings.index_dir, store, self.embedder, self.retriever)
        self._queue = EmbeddingQueue(store, self.embedder, self.retriever, self._sync)
        self._builder = IndexBuilder(
            settings, store, self.embedder, self.retriever, self._sync, self._queue, self.drain
        )
        self._warmed = 0  # `IndexSync.loads` when the caches were filled
        self._work = anyio.Event()
        self._searching = anyio.CapacityLimiter(_SEARCHES)
        self._recommending: ModuleType | None = None

    @property
    def reembed_due(self) -> bool:
        """Whether the stored vectors are of another model."""
        return self._sync.reembed_due

    def notice(self) -> None:
        """Says that an execution was written. Call after the commit."""
        self._work.set()

    async def forget(self, task_ids: Iterable[UUID]) -> None:
        """Lets go of the texts of deleted executions. Call after the commit."""
        await anyio.to_thread.run_sync(self.retriever.summaries.drop, list(task_ids))
        self._work.set()

    async def run(self) -> None:
        """Keeps everything up for ever, each time that there is work and writing has paused."""
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

    async def load(self) -> None:
        """Loads the model, then reads everything; a second caller waits for the first.

        Raises:
            EmbedderUnavailable: The model can't be loaded. The next call tries again.
            StoreError: The store can't be read.
        """
        await self._sync.load()

    async def sync(self) -> None:
        """Takes in everything that was committed before the call. Call `load` before.

        Raises:
            StoreError: The store can't be read.
        """
        await self._sync.sync()

    async def search(
        self, text: str, *, filters: Filters, limit: int, floor: float | None
    ) -> tuple[Found, dict[UUID, ExecutionSummary]]:
        """Embeds `text` and searches what was committed before the call.

        While a re-embed is due, only words are searched: vectors of two models can't be compared.

        Args:
            text: The task at hand.
            filters: Which executions may be returned.
            limit: Tasks wanted, at least 1.
            floor: Least similarity, 0..1; None: as configured, else the calibrated one.

        Returns:
            What was found, and the texts of it, without executions that were deleted meanwhile.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read.
        """
        await self._read_own_writes()

        def search() -> tuple[Found, dict[UUID, int], dict[UUID, ExecutionSummary]]:
            query = self._query(text, filters=filters, limit=limit, floor=floor)
            found = self.retriever.search(query)
            numbers = {one.task_id: one.sequence for one in found.ranked}
            return found, numbers, self.retriever.summaries.known(numbers)

        found, numbers, texts = await anyio.to_thread.run_sync(search, limiter=self._searching)
        self._notice_failure()
        return found, await self._completed(texts, numbers)

    async def recommend(
        self, request: RecommendApproach, votes: Mapping[UUID, Vote]
    ) -> Recommendation:
        """Gathers what became of similar tasks, and compares options.

        Args:
            request: The task at hand.
            votes: What speaks for and against executions.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read.
        """
        if self._recommending is None:  # with what it imports it takes 0.1 s
            name = "mcp_learning.recommend.recommend"
            self._recommending = await anyio.to_thread.run_sync(import_module, name)
        module = self._recommending
        await self._read_own_writes()

        def assess() -> tuple["Assessment", dict[UUID, ExecutionSummary]]:
            query = self._query(
                request.task_description, filters=Filters(), limit=EVIDENCE_ROWS, floor=None
            )
            related = self.retriever.related(query)
            half_life = self._settings.evidence_half_life_days
            made: Assessment = module.assess(related, query, request, votes, half_life)
            return made, self.retriever.summaries.known(made.numbers)

        made, texts = await anyio.to_thread.run_sync(assess, limiter=self._searching)
        self._notice_failure()
        texts = await self._completed(texts, made.numbers)
        result: Recommendation = await anyio.to_thread.run_sync(module.answer, made, texts)
        return result

    async def _read_own_writes(self) -> None:
        """Takes in what was committed, and makes vectors and words that are missing, if few."""
        await self.load()
        await self._sync.sync()
        rows = self.retriever.rows
        if 0 < rows.unembedded <= READ_OWN_WRITES:
            try:
                # No further than now: while others write, a search has to end.
                await self._queue.embed(rows.sequence)
            except StoreError as error:  # no room for vectors; the shortcoming says what is missing
                logger.warning("searching without the latest vectors: %s", error)
        await self._sync.tokenise(READ_OWN_WORDS)

    def _query(self, text: str, *, filters: Filters, limit: int, floor: float | None) -> Query:
        # Stored text has no secrets either, so a question is most alike without its own.
        question, _ = redact(text)
        vector = None
        if not self.reembed_due:
            (vector,) = self.embedder.embed([embedding_text(question)])
        return Query(
            text=question,
            task_key=task_key(question),
            vector=vector,
            filters=filters,
            limit=limit,
            floor=self._settings.min_similarity if floor is None else floor,
            noise=self.embedder.floor,
            now=datetime.now(UTC),
        )

    async def _completed(
        self, texts: dict[UUID, ExecutionSummary], wanted: Mapping[UUID, int]
    ) -> dict[UUID, ExecutionSummary]:
        """The texts of what is wanted, with those that aren't in memory read from the store."""
        missing = [task_id for task_id in wanted if task_id not in texts]
        if not missing:
            return texts
        fresh = await self._store.summaries(missing)
        await anyio.to_thread.run_sync(self.retriever.summaries.keep, fresh)
        return texts | {task_id: one.summary for task_id, one in fresh.items()}

    def _notice_failure(self) -> None:
        if self.retriever.index_manager.state.problem and not self._builder.failed_rows:
            self._work.set()  # the index failed, perhaps just now: it is built again

    async def drain(self) -> None:
        """Embeds everything that is in the queue now, and reads its words.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read or written.
        """
        await self._sync.sync()
        await self._queue.embed(self.retriever.rows.sequence)
        if await self._sync.verify_vectors():
            await self._queue.embed(self.retriever.rows.sequence)
        await self._sync.tokenise(most=sys.maxsize)

    async def embed(self, up_to: int) -> None:
        """Embeds what is in the queue, as far as it was changed by the change number `up_to`.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read or written.
        """
        await self._queue.embed(up_to)

    async def settle(self) -> None:
        """Brings everything up to date, saves what is worth it, and fills the caches.

        Raises:
            LearningError: Something can't be read or written; searches go on with what there is.
        """
        await self.drain()
        await self._sync.compact()
        if self._warmed != self._sync.loads:
            self._warmed = self._sync.loads
            latest = await self._store.latest_summaries(LIMIT, SHORT)
            await anyio.to_thread.run_sync(self.retriever.summaries.keep, latest)
            await anyio.to_thread.run_sync(self.retriever.warm, self.embedder.floor)

    async def rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        """Builds the HNSW index, after recomputing every embedding if asked; see `IndexBuilder`.

        Raises:
            IndexUnavailable: It can't be built; searches go on as before.
            EmbedderUnavailable: The model can't be loaded.
        """
        return await self._builder.rebuild(request, progress)

    async def drop_outdated_index(self) -> bool:
        """Deletes the HNSW index if it holds vectors that the store no longer has.

        Returns:
            Whether it was deleted.
        """
        manager = self.retriever.index_manager
        info = await anyio.to_thread.run_sync(manager.stored)
        if info is not None and info.rows != await self._store.count_vectors(info.watermark):
            info = None
        return await anyio.to_thread.run_sync(manager.drop, info)

    @property
    def shortcoming(self) -> str | None:
        """Why searches are not as good as they could be; None when they are."""
        rows, manager = self.retriever.rows, self.retriever.index_manager
        if self.reembed_due:
            return f"{self._sync.reembed_reason}; until then only words are searched"
        if rows.unembedded > 0:
            return f"{rows.unembedded} executions still wait for their embedding"
        if rows.untokenised > 0:
            return f"the words of {rows.untokenised} executions are still to be read"
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
        info = state.info
        if info is None:
            if building:
                return IndexHealth(state="building")
            if not self._sync.loads:
                return IndexHealth(state="loading")
            problem = state.problem
            return IndexHealth(state="stale" if problem else "none", reason=problem)
        return IndexHealth(
            state="building" if building else "ready",
            rows=info.rows,
            newer_rows=self.retriever.newer_than(info),
            bytes=state.bytes,
            built_at=info.built_at,
            age_seconds=round(state.age_seconds or 0.0),
            m=info.m,
            ef_construction=info.ef_construction,
            recall_at_10=info.recall_at_10,
        )

    async def close(self) -> None:
        """Closes the index file."""
        await anyio.to_thread.run_sync(self.retriever.close, abandon_on_cancel=True)
