"""Vectors for the executions that have none, and for all of them when the model changes.

The queue is simply the executions without a vector, so it survives any crash.
"""

from collections.abc import Sequence

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.search.retriever import Retriever
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.service.protocol import Progress
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Unembedded

BATCH = 32
"""Executions embedded and stored at a time: a record waits 20 ms at most for such a write."""

_MOST_FRUITLESS = 2
"""Batches in a row of which nothing was stored, after which the rows in memory are taken to be
wrong about what is missing, and read anew."""


class EmbeddingQueue:
    """Embeds what is recorded in one store."""

    def __init__(
        self, store: Store, embedder: Embedder, retriever: Retriever, sync: IndexSync
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._retriever = retriever
        self._sync = sync

    async def embed(self, up_to: int) -> None:
        """Embeds what has no vector, as far as it was changed by the change number `up_to`.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read or written; complete batches are stored.
        """
        fruitless = 0
        while not self._sync.reembed_due:
            await self._sync.sync()
            if not self._retriever.rows.unembedded:
                return
            async with self._sync.storing:  # others get their turn between two batches
                rows = self._retriever.rows
                numbers = await anyio.to_thread.run_sync(rows.queue, BATCH, up_to)
                if not numbers:
                    return
                waiting = await self._store.unembedded(BATCH, numbers=numbers)
                stored = await self._store_vectors(waiting) if waiting else 0
                fruitless = 0 if stored else fruitless + 1
                if fruitless == _MOST_FRUITLESS:
                    await self._sync.read_anew()
            if fruitless > _MOST_FRUITLESS:
                return

    async def _store_vectors(self, rows: Sequence[Unembedded]) -> int:
        """Embeds n >= 1 executions, stores the vectors and takes them in; returns how many.

        The caller holds `storing`. Executions that were deleted or changed meanwhile are left out.
        """
        vectors = await _vectors_of(self._embedder, rows)
        fingerprint = self._embedder.fingerprint
        with anyio.CancelScope(shield=True):  # what is stored has to be found
            versions = await self._store.put_vectors(rows, vectors, fingerprint)
            put = self._retriever.rows.put
            await anyio.to_thread.run_sync(put, rows, vectors, versions)
        return len(versions)

    async def reembed(self, progress: Progress) -> int:
        """Embeds every execution anew and has searches use the new vectors; returns how many.

        What an interrupted run of the same model had computed is kept.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The store can't be read or written; complete batches are kept.
        """
        done = await _fill_next(self._store, self._embedder, progress)
        async with self._sync.storing:
            with anyio.CancelScope(shield=True):
                await self._store.adopt_vectors(self._embedder.dimension)
                await self._sync.read_anew()
        return done


async def _vectors_of(embedder: Embedder, rows: Sequence[Unembedded]) -> NDArray[np.float32]:
    """(n, dimension) float32, L2-normalised, of n >= 1 executions."""
    texts = [embedding_text(row.task_description) for row in rows]
    return await anyio.to_thread.run_sync(embedder.embed, texts)


async def _fill_next(store: Store, embedder: Embedder, progress: Progress) -> int:
    """Embeds every execution into the next generation; returns how many it did."""
    state = await store.vector_state("next")
    if state.model != embedder.fingerprint:
        await store.reset_vectors(embedder.dimension, "next")
        state = await store.vector_state("next")
    total = state.count + state.unembedded
    resumed, done = state.count, 0
    while rows := await store.unembedded(BATCH, generation="next"):
        vectors = await _vectors_of(embedder, rows)
        done += len(await store.put_vectors(rows, vectors, embedder.fingerprint, "next"))
        share = min((resumed + done) / max(total, 1), 1.0)
        await progress(share, f"embedded {resumed + done} of {total}")
    return done
