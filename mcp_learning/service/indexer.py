"""Keeps embeddings, words and the HNSW index up with the truth.

The embedding queue is simply the executions without a vector, so it survives any crash. It is
drained in the background, and by a search that finds it short (an agent reads its own writes). So
are the words that are still to be read. The HNSW index is rebuilt when it has become stale.

Invariant: vectors are stored, and indexes replaced, only under `_indexing`. So the vectors in
memory are those in the database. One rebuild runs at a time.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal
from uuid import UUID

import anyio
import anyio.to_thread
import numpy as np
from anyio.abc import TaskGroup
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import IndexUnavailable, LearningError, StoreError
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import Filters, RebuildIndex, RecommendApproach
from mcp_learning.models.results import IndexHealth, IndexingHealth, RebuildReport, Recommendation
from mcp_learning.redaction.secrets import redact
from mcp_learning.search.hnsw import IndexInfo
from mcp_learning.search.retriever import Found, Retriever
from mcp_learning.search.scorer import Query
from mcp_learning.search.sync import Embedded
from mcp_learning.service.embedding import BATCH, embed_and_store, fill_next
from mcp_learning.service.index_build import build_index
from mcp_learning.service.protocol import Progress, ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import embeddings
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.types import Unembedded, Vote

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

RETRY_GROWTH = 1.2
"""How many times as many executions there have to be before a failed rebuild is tried again."""

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
            lambda: database.commits,
        )
        self.reembed_due = False
        self.problem: str | None = None
        self._settings = settings
        self._database = database
        self._indexing = anyio.Lock()
        self._loading = anyio.Lock()
        self._loaded = 0  # the opening of the database that was read
        self._warmed = 0  # likewise
        self._building = False
        self._automatic: anyio.CancelScope | None = None  # around a rebuild that nobody asked for
        self._ended = anyio.Event()
        self._failed_rows = 0
        self._work = anyio.Event()
        self._recommending: ModuleType | None = None

    def notice(self) -> None:
        """Says that an execution was written. Call after the commit."""
        self._work.set()

    async def forget(self, task_ids: Iterable[UUID]) -> None:
        """Lets go of deleted executions. Call after the commit."""
        await anyio.to_thread.run_sync(self.retriever.drop, list(task_ids))
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
                if not self._building and await anyio.to_thread.run_sync(self._build_is_due):
                    self._building = True
                    group.start_soon(self._rebuild_stale)
            except LearningError as error:
                if self._database.closing:
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
                await self._database.read(self._load_retriever)
            self._loaded = opening

    async def search(
        self, text: str, *, filters: Filters, limit: int, floor: float | None
    ) -> Found:
        """Embeds `text` and searches; first drains the queue if that is short.

        While a re-embed is due, only words are searched: vectors of two models can't be compared.

        Args:
            text: The task at hand.
            filters: Which executions may be returned.
            limit: Tasks wanted, at least 1.
            floor: Least similarity, 0..1; None: as configured, else the calibrated one.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read.
        """
        query = await self._question(text, filters=filters, limit=limit, floor=floor)

        def search(cursor: Cursor) -> Found:
            self._read_own_words(cursor)
            return self.retriever.search(cursor, query)

        found = await self._database.read(search)
        self._notice_failure()
        return found

    async def recommend(
        self, request: RecommendApproach, votes: Callable[[Cursor], Mapping[UUID, Vote]]
    ) -> Recommendation:
        """Gathers what became of similar tasks, and compares options.

        Args:
            request: The task at hand.
            votes: Reads what speaks for and against executions.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read.
        """
        if self._recommending is None:  # with what it imports it takes 0.1 s
            name = "mcp_learning.recommend.recommend"
            self._recommending = await anyio.to_thread.run_sync(import_module, name)
        module = self._recommending
        query = await self._question(
            request.task_description, filters=Filters(), limit=EVIDENCE_ROWS, floor=None
        )

        def work(cursor: Cursor) -> Recommendation:
            self._read_own_words(cursor)
            half_life = self._settings.evidence_half_life_days
            known = (query, request, votes(cursor), half_life)
            result: Recommendation = module.recommend(cursor, self.retriever, *known)
            return result

        result = await self._database.read(work)
        self._notice_failure()
        return result

    async def _question(
        self, text: str, *, filters: Filters, limit: int, floor: float | None
    ) -> Query:
        """What to search for; vectors that are missing are made first if they are few."""
        await self.load()
        newest, waiting = await self._database.read(self._queue)
        if 0 < waiting <= READ_OWN_WRITES:
            try:
                await self.embed(newest)  # no further: while others write, a search has to end
            except StoreError as error:  # no room for vectors; the shortcoming says what is missing
                logger.warning("searching without the latest vectors: %s", error)
        question, vector = await anyio.to_thread.run_sync(self._understand, text)
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

    def _read_own_words(self, cursor: Cursor) -> None:
        self.retriever.rows.sync(cursor)
        read = 0
        while self.retriever.rows.wordless and read < READ_OWN_WORDS:
            read += self.retriever.rows.read_words(cursor)

    def _notice_failure(self) -> None:
        if self.retriever.slot.state.problem and not self._failed_rows:
            self._work.set()  # the index failed, perhaps just now: it is built again

    def _understand(self, text: str) -> tuple[str, NDArray[np.float32] | None]:
        # Stored text has no secrets either, so a question is most alike without its own.
        question, _ = redact(text)
        if self.reembed_due:
            return question, None
        (vector,) = self.embedder.embed([embedding_text(question)])
        return question, np.asarray(vector)

    async def drain(self) -> None:
        """Embeds everything that is in the queue now, and reads its words."""
        newest, _ = await self._database.read(self._queue)
        await self.embed(newest)
        while await self._database.read(self._read_words):
            pass

    def _queue(self, cursor: Cursor) -> tuple[int, int]:
        """The number of the newest change, and how many executions have no vector."""
        self.retriever.rows.sync(cursor)
        return self.retriever.rows.sequence, self.retriever.rows.waiting

    async def embed(self, up_to: int) -> None:
        """Embeds what is in the queue, as far as it was changed by the change number `up_to`."""
        fruitless = 0
        while not self.reembed_due:
            async with self._indexing:  # others get their turn between two batches
                rows = await self._database.read(partial(self._next_of_queue, up_to=up_to))
                if not rows:
                    return
                stored, vectors = await embed_and_store(self._database, self.embedder, rows)
                with anyio.CancelScope(shield=True):  # what is stored has to be found
                    take_in = partial(self._take_in, stored=stored, vectors=vectors)
                    await self._database.read(take_in)
                fruitless = 0 if stored else fruitless + 1
                if fruitless == 2:  # not just changed meanwhile: the vectors are there already
                    await self._database.read(self._load_retriever)

    def _next_of_queue(self, cursor: Cursor, up_to: int) -> list[Unembedded]:
        self.retriever.rows.sync(cursor)
        return embeddings.unembedded(cursor, self.retriever.rows.queue(BATCH, up_to))

    async def settle(self) -> None:
        """Brings everything up to date and saves what is worth it.

        Raises:
            LearningError: Something can't be read or written; searches go on with what there is.
        """
        await self.drain()
        await self._database.read(lambda _: self.retriever.rows.tidy())
        if self._warmed != self._loaded:
            self._warmed = self._loaded
            await self._database.read(lambda one: self.retriever.warm(one, self.embedder.floor))

    def _take_in(
        self, cursor: Cursor, stored: Sequence[Embedded], vectors: NDArray[np.float32]
    ) -> None:
        self.retriever.rows.put(cursor, stored, vectors)

    def _read_words(self, cursor: Cursor) -> int:
        self.retriever.rows.sync(cursor)
        return self.retriever.rows.read_words(cursor) if self.retriever.rows.wordless else 0

    async def rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        """Recomputes embeddings if asked, then builds the HNSW index and puts it in place.

        Searches go on meanwhile, on the old index. Cancelled, they go on as before; what a
        cancelled re-embed had computed is kept for the next one. A rebuild that nobody asked for
        gives way.

        Raises:
            IndexUnavailable: Another rebuild is under way, a re-embed is due, there is nothing to
                index, or the index can't be built.
            EmbedderUnavailable: The model can't be loaded.
        """
        if self._automatic is not None:
            self._automatic.cancel()
            await self._ended.wait()
        if self._building:
            raise IndexUnavailable("a rebuild is under way; wait for it to end")
        self._building = True
        try:
            return await self._rebuild(request, progress)
        finally:
            self._building = False

    async def _rebuild(self, request: RebuildIndex, progress: Progress) -> RebuildReport:
        started = time.monotonic()
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
        return RebuildReport(
            rows=info.rows,
            reembedded=reembedded,
            seconds=round(time.monotonic() - started, 3),
            bytes=self.retriever.slot.state.bytes,
            m=info.m,
            ef_construction=info.ef_construction,
            recall_at_10=info.recall_at_10,
        )

    def _build_is_due(self) -> bool:
        # What failed is not tried again before there is considerably more to index.
        grown = len(self.retriever.rows) > RETRY_GROWTH * self._failed_rows
        return not self.reembed_due and grown and self.retriever.stale

    async def _rebuild_stale(self) -> None:
        """Builds an index because there is none, or one that lags behind. `_building` is set."""
        self._automatic, self._ended = anyio.CancelScope(), anyio.Event()
        rows = len(self.retriever.rows)
        try:
            with self._automatic:
                logger.info("building the HNSW index over %d executions", rows)
                report = await self._rebuild(RebuildIndex(), ignore_progress)
                self._failed_rows = 0
                logger.info("the HNSW index is in use, after %.0f s", report.seconds)
        except LearningError as error:
            self._failed_rows = rows
            logger.warning("the HNSW index was not built: %s", error)
        except Exception:
            self._failed_rows = rows
            logger.exception("the HNSW index was not built; exact search goes on")
        finally:
            self._building, self._automatic = False, None
            self._ended.set()

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

    async def _adopt_index(self, built: Path, expected: IndexInfo) -> None:
        async with self._indexing:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self.retriever.replace_index, built, expected)

    @property
    def shortcoming(self) -> str | None:
        """Why searches are not as good as they could be; None when they are."""
        if self.reembed_due:
            return f"{self._reembed_reason}; until then only words are searched"
        if (waiting := self.retriever.rows.waiting) > 0:
            return f"{waiting} executions still wait for their embedding"
        if (wordless := self.retriever.rows.wordless) > 0:
            return f"the words of {wordless} executions are still to be read"
        if self.retriever.wants_index and self.retriever.slot.index is None:
            if self._building:
                return "exact search serves, while the HNSW index is being built"
            why = self.retriever.slot.state.problem or "there is no HNSW index yet"
            return f"exact search serves, since {why}; rebuild_index builds one"
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
            words_pending=self.retriever.rows.wordless,
            words_bytes=self.retriever.rows.word_bytes,
            problem=self.problem,
        )

    @property
    def _reembed_reason(self) -> str:
        return (
            f"the stored embeddings are of another model than {self.embedder.model}; a re-embed is "
            "due: call rebuild_index with reembed=true"
        )

    def _index_health(self) -> IndexHealth:
        state = self.retriever.slot.state
        info = state.info
        if info is None:
            if self._building:
                return IndexHealth(state="building")
            if not self._loaded:
                return IndexHealth(state="loading")
            problem = state.problem
            return IndexHealth(state="stale" if problem else "none", reason=problem)
        return IndexHealth(
            state="building" if self._building else "ready",
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

    def _fit_table(self, cursor: Cursor) -> None:
        """Finds out whether the vectors are of this model; an empty table takes its dimension."""
        stored = embeddings.model(cursor)
        self.reembed_due = stored not in (None, self.embedder.fingerprint)
        if stored is None and embeddings.dimension(cursor) != self.embedder.dimension:
            embeddings.create_table(cursor, "embeddings", self.embedder.dimension)
        if self.reembed_due:
            logger.warning("%s", self._reembed_reason)

    def _load_retriever(self, cursor: Cursor) -> None:
        self.retriever.load(
            cursor,
            self.embedder.fingerprint,
            self.embedder.dimension,
            vectors=not self.reembed_due,
        )
