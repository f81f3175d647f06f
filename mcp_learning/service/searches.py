"""Searches and recommendations over one store.

A search reflects everything that was committed before it began. If nothing was committed since the
last one, and the texts that it shows are in memory, it is one call in a worker thread without a
query to the store.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING
from uuid import UUID

import anyio
import anyio.to_thread

from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import StoreError
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import Filters, RecommendApproach, WantedMode
from mcp_learning.models.results import Recommendation
from mcp_learning.redaction.secrets import redact
from mcp_learning.search.found import Found
from mcp_learning.search.scorer import Query
from mcp_learning.service import allocator
from mcp_learning.service.embedding import EmbeddingQueue
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.settings import Settings
from mcp_learning.store.types import Shown, Vote

if TYPE_CHECKING:
    from mcp_learning.embed.embedder import EmbeddedQuery
    from mcp_learning.recommend.history import HistoryCache
    from mcp_learning.recommend.recommend import Assessment

logger = logging.getLogger(__name__)

READ_OWN_WRITES = 64
"""Longest embedding queue, in executions, that a search waits for: half a second if short."""

READ_OWN_VECTORS = 96  # most vectors that a search waits for, including those of passages

READ_OWN_WORDS = 2_000
"""Most rows that a search tokenises if they aren't yet, in about 0.2 s."""

EVIDENCE_ROWS = 2_000  # executions that an index proposes as evidence, if not all are compared
_THREADS = 4  # searches that run at the same time
_QUESTIONS = 16  # latest questions whose vectors are cached
_ATTEMPTS = 3  # of a search, if executions that it has found change during it


Texts = dict[int, Shown]  # texts of matches, by change number


class Searches:
    """Answers questions about one store; calls `searched` after each search.

    Methods raise EmbedderUnavailable when the model can't be loaded, and StoreError when the store
    can't be read.
    """

    def __init__(
        self,
        settings: Settings,
        sync: IndexSync,
        queue: EmbeddingQueue,
        searched: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._store, self.embedder, self._retriever = sync.store, sync.embedder, sync.retriever
        self._sync = sync
        self._queue = queue
        self._searched = searched
        self._threads = anyio.CapacityLimiter(_THREADS)
        # One question is embedded several times: by a lookup, by the comparison with lessons, and
        # when a host that lacks executions fetches similar ones before it searches.
        self._embed_query = lru_cache(maxsize=_QUESTIONS)(self.embedder.embed_query)
        self._recommending: ModuleType | None = None
        self._histories: HistoryCache | None = None

    async def search(
        self,
        text: str,
        *,
        filters: Filters,
        limit: int,
        floor: float | None,
        mode: WantedMode = "configured",
    ) -> tuple[Found, Texts]:
        """Embeds `text` and searches.

        While a re-embed is due, only words are searched: vectors of two models can't be compared.

        Args:
            text: The task at hand.
            filters: Which executions may be returned.
            limit: Tasks wanted, at least 1.
            floor: Least similarity, 0..1; None: as configured, or else `relevance` decides.
            mode: How candidates are found; configured: by settings and size.

        Returns:
            The result, and its texts by change number, without executions that were deleted or
            changed meanwhile: they might no longer pass the filters.

        Raises:
            IndexUnavailable: The mode is hnsw, and there is no index.
        """
        for _ in range(_ATTEMPTS):
            await self._read_own_writes()
            found, texts = await self._search(text, filters, limit, floor, mode)
            if not found.missing(texts):
                break
        return found, texts

    async def _search(
        self, text: str, filters: Filters, limit: int, floor: float | None, mode: WantedMode
    ) -> tuple[Found, Texts]:
        def search() -> tuple[Query, Found, Texts]:
            query = self._query(text, filters=filters, limit=limit, floor=floor)
            if mode != "configured":
                query = replace(query, mode=mode)
                self._retriever.open_index(self.embedder.fingerprint, wanted=mode == "hnsw")
            found = self._retriever.search(query)
            texts = self._known(found)
            if not found.missing(texts):
                found = self._retriever.latest_first(query, found, texts)
                texts |= self._known(found)
            return query, found, texts

        query, found, texts = await anyio.to_thread.run_sync(search, limiter=self._threads)
        self._searched()
        if missing := found.missing(texts):
            texts |= await self._read(missing)
            order = partial(self._retriever.latest_first, query, found, texts)
            found = await anyio.to_thread.run_sync(order, limiter=self._threads)
            texts |= await self._read(found.missing(texts))
        return found, found.unchanged(texts)

    def _known(self, found: Found) -> Texts:
        return self._retriever.summaries.known(n for one in found.ranked for n in one.texts)

    async def recommend(
        self, request: RecommendApproach, votes: Mapping[UUID, Vote]
    ) -> Recommendation:
        """Compares options by the outcomes of similar tasks, weighted by these votes, too."""
        if self._recommending is None:  # the import takes 0.1 s
            name = "mcp_learning.recommend.recommend"
            self._recommending = await anyio.to_thread.run_sync(import_module, name)
        module = self._recommending
        is_first = self._histories is None
        if self._histories is None:
            self._histories = module.HistoryCache()
        histories = self._histories
        await self._read_own_writes()
        half_life = self._settings.evidence_half_life_days

        def assess() -> tuple["Assessment", dict[int, Shown], Recommendation | None]:
            query = self._query(
                request.task_description, filters=Filters(), limit=EVIDENCE_ROWS, floor=None
            )
            related = self._retriever.related(query)
            made: Assessment = module.assess(related, query, request, votes, half_life, histories)
            texts = self._retriever.summaries.known(made.numbers)
            complete = len(texts) == len(made.numbers)
            return made, texts, module.answer(made, texts) if complete else None

        made, texts, answer = await anyio.to_thread.run_sync(assess, limiter=self._threads)
        self._searched()
        if is_first:  # learning from the history needed memory for a moment
            await anyio.to_thread.run_sync(allocator.release_free_memory)
        if answer is not None:
            return answer
        missing = made.task_ids(set(made.numbers) - texts.keys())
        texts |= await self._read(missing)
        result: Recommendation = await anyio.to_thread.run_sync(module.answer, made, texts)
        return result

    async def _read_own_writes(self) -> None:
        """Applies new commits; embeds and tokenises rows that lack it, if they are few."""
        await self._sync.load()
        await self._sync.sync()
        rows = self._retriever.rows
        if 0 < rows.unembedded <= READ_OWN_WRITES:
            try:
                # Only rows recorded so far: a search has to end while others write.
                await self._queue.embed(rows.sequence, READ_OWN_VECTORS)
            except StoreError as error:  # e.g. a full disk; `shortcoming` says what is missing
                logger.warning("searching without the latest vectors: %s", error)
        await self._sync.tokenise(READ_OWN_WORDS)

    async def asked(self, text: str) -> Query:
        """The query that a search of all executions for a text would use.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read.
        """
        await self._sync.load()
        query = partial(self._query, text, filters=Filters(), limit=1, floor=None)
        return await anyio.to_thread.run_sync(query, limiter=self._threads)

    def embed_question(self, question: str) -> "EmbeddedQuery":
        """Embeds a text without secrets, unless it is one of the last `_QUESTIONS`; blocks.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
        """
        return self._embed_query(embedding_text(question))

    def _query(self, text: str, *, filters: Filters, limit: int, floor: float | None) -> Query:
        # Stored texts have no secrets, so a question is most similar to them without its own.
        question, _ = redact(text)
        vector, background, unknown = None, 0.0, 0.0
        if not self._sync.reembed_due:
            asked = self.embed_question(question)
            background, unknown = asked.background, asked.unknown
            vector = asked.vector if unknown < 1 else None
        return Query(
            text=question,
            task_key=task_key(question),
            vector=vector,
            filters=filters,
            limit=limit,
            floor=self._settings.min_similarity if floor is None else floor,
            noise=self.embedder.floor,
            background=background,
            unknown=unknown,
            now=datetime.now(UTC),
        )

    async def _read(self, missing: Mapping[int, UUID]) -> dict[int, Shown]:
        """Reads and caches texts that aren't in memory, by their change numbers.

        Those of executions that were deleted or changed meanwhile are left out.
        """
        if not missing:
            return {}
        fresh = await self._store.summaries(list(missing.values()))
        await anyio.to_thread.run_sync(self._retriever.summaries.keep, fresh.values())
        return {one.sequence: one for one in fresh.values() if one.sequence in missing}
