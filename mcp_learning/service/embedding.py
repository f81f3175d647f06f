"""Computes vectors for executions that have none, and for all when the model changes.

The queue is simply the executions without a vector, so it survives any crash.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import attrgetter
from uuid import UUID

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text, passages
from mcp_learning.models.identifiers import description_hash
from mcp_learning.service.index_sync import IndexSync
from mcp_learning.service.protocol import Progress
from mcp_learning.store.protocol import Store
from mcp_learning.store.shared import Cached, EmbeddedRows, SharedVector
from mcp_learning.store.types import Unembedded

BATCH = 32
"""Vectors computed and stored at a time; all of an execution are in one batch. A record waits 20 ms
for such a write, and at most twice that."""

_MOST_FRUITLESS = 2
"""After so many consecutive batches of which nothing was stored, the rows in memory are wrong about
which vectors are missing, and are read again."""


Batch = Sequence[tuple[Unembedded, list[str]]]
"""Executions, each with its texts to embed: for the first vector, and for further passages."""

StoreCached = Callable[[EmbeddedRows | None], Awaitable[Cached | None]]
"""`SharedStore.cache` with a given page."""


class EmbeddingQueue:
    """Embeds what is recorded in one store.

    Its methods raise EmbedderUnavailable when the model can't be loaded, and StoreError when the
    store can't be read or written; complete batches are kept.
    """

    def __init__(self, sync: IndexSync) -> None:
        self._store, self._embedder, self._retriever = sync.store, sync.embedder, sync.retriever
        self._sync = sync

    async def embed(self, up_to: int, most: int = sys.maxsize) -> None:
        """Embeds executions without a vector whose change number is at most `up_to`.

        Stops after about `most` vectors.
        """
        fruitless = made = 0
        while made < most and not self._sync.reembed_due:
            await self._sync.sync()
            if not self._retriever.rows.unembedded:
                return
            async with self._sync.storing:  # per batch, so that others don't wait for all of them
                numbers, waiting = await anyio.to_thread.run_sync(self._next, up_to)
                if not numbers:
                    return
                if missing := sorted(set(numbers) - {one.sequence for one in waiting}):
                    waiting += await self._store.unembedded(BATCH, numbers=missing)
                batch = _batch(sorted(waiting, key=attrgetter("sequence")))
                stored = 0
                if batch:
                    vectors, further = await _vectors_of(self._embedder, batch)
                    stored = await self._put([row for row, _ in batch], vectors, further)
                made += sum(len(texts) for _, texts in batch)
                fruitless = 0 if stored else fruitless + 1
                if fruitless == _MOST_FRUITLESS:
                    await self._sync.reload()
            if fruitless > _MOST_FRUITLESS:
                return

    def _next(self, up_to: int) -> tuple[list[int], list[Unembedded]]:
        """Change numbers of the next executions to embed, and those whose texts are cached."""
        numbers = self._retriever.rows.queue(BATCH, up_to)
        known = self._retriever.summaries.known(numbers).values()
        return numbers, [Unembedded(o.task_id, o.sequence, o.task_description) for o in known]

    async def _put(
        self,
        rows: Sequence[Unembedded],
        vectors: NDArray[np.float32],
        passages: Sequence[NDArray[np.float32]],
        *,
        shared: bool = False,
    ) -> int:
        """Stores vectors and adds them to the rows; returns how many. The caller holds `storing`.

        Those of executions that were deleted or changed meanwhile are left out.
        """
        model, put = self._embedder.fingerprint, self._retriever.rows.put
        with anyio.CancelScope(shield=True):  # what is stored has to be found
            versions = await self._store.put_vectors(
                rows, vectors, model, passages=passages, shared=shared
            )
            await anyio.to_thread.run_sync(put, rows, vectors, versions, passages)
        return len(versions)

    async def adopt(self, waiting: Sequence[Unembedded], given: Sequence[SharedVector]) -> None:
        """Stores vectors of this model that another host computed, and adds them to the rows.

        Those of other descriptions than those of `waiting`, which have no vector, are left out.
        """
        await self._sync.sync()
        found = await anyio.to_thread.run_sync(self._fitting, waiting, given)
        if found is None:
            return
        async with self._sync.storing:
            await self._put(found.rows, found.vectors, found.passages, shared=True)

    async def cache(
        self,
        fetched: Sequence[Unembedded],
        given: Sequence[SharedVector],
        total: int,
        store: StoreCached,
    ) -> bool:
        """Stores executions that were fetched for a question together with their vectors.

        Args:
            fetched: The executions; their `sequence` isn't known yet.
            given: Vectors of this model; those of other descriptions are left out.
            total: Number of executions that the team has; 0: unknown.
            store: Stores them, and returns what was added; None: it refused.

        Returns:
            Whether they were stored and added to the rows.
        """
        found = await anyio.to_thread.run_sync(self._fitting, fetched, given)
        async with self._sync.storing:
            with anyio.CancelScope(shield=True):  # what is stored has to be found
                added = await store(found)
                if added is None:
                    return False
                ids = [one.task_id.int for one in fetched]
                await anyio.to_thread.run_sync(self._retriever.rows.mark_fetched, ids, total)
                await self._sync.follow(added)
                if found is not None:
                    put = partial(self._retriever.rows.put, found.rows, found.vectors)
                    await anyio.to_thread.run_sync(put, added.versions, found.passages)
        return True

    def _fitting(
        self, rows: Sequence[Unembedded], given: Sequence[SharedVector]
    ) -> EmbeddedRows | None:
        """Those of the executions of which all vectors are given; None if there are none."""
        parts: dict[UUID, list[SharedVector]] = {}
        for one in given:
            parts.setdefault(one.task_id, []).append(one)
        found: list[tuple[Unembedded, NDArray[np.float32]]] = []
        known: dict[str, tuple[int, int]] = {}  # runs of a task have the same description
        for row in rows:
            text, some = row.task_description, parts.get(row.task_id, ())
            if text not in known:
                known[text] = description_hash(text), len(passages(text))
            described, wanted = known[text]
            vectors = {one.part: one.vector for one in some if one.described == described}
            if set(vectors) == set(range(wanted)):
                found.append((row, np.stack([vectors[part] for part in sorted(vectors)])))
        if not found:
            return None
        first, further = np.stack([some[0] for _, some in found]), [some[1:] for _, some in found]
        return EmbeddedRows([row for row, _ in found], first, further, self._embedder.fingerprint)

    async def reembed(self, progress: Progress) -> int:
        """Embeds every execution again, then makes searches use these vectors; returns how many.

        What an interrupted run with the same model computed is kept.
        """
        done = await _fill_next(self._store, self._embedder, progress)
        async with self._sync.storing:
            with anyio.CancelScope(shield=True):
                await self._store.adopt_vectors(self._embedder.dimension)
                await self._sync.reload()
        return done


def _batch(rows: Sequence[Unembedded]) -> Batch:
    """The first executions, each with its texts to embed; about `BATCH` texts in all."""
    batch: list[tuple[Unembedded, list[str]]] = []
    texts = 0
    for row in rows:
        further = passages(row.task_description)[1:]
        texts += 1 + len(further)
        if batch and texts > BATCH:
            break
        batch.append((row, [embedding_text(row.task_description), *further]))
    return batch


async def _vectors_of(
    embedder: Embedder, batch: Batch
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """(n, dimension) float32, L2-normalised, of n >= 1 executions, and n arrays of passages."""
    texts = [text for _, some in batch for text in some]
    vectors = await anyio.to_thread.run_sync(embedder.embed, texts)
    ends = np.cumsum([len(some) for _, some in batch])
    each = np.split(vectors, ends[:-1])
    return np.stack([some[0] for some in each]), [some[1:] for some in each]


async def _fill_next(store: Store, embedder: Embedder, progress: Progress) -> int:
    """Embeds every execution into the next generation; returns how many weren't there yet."""
    state = await store.vector_state("next")
    if state.model != embedder.fingerprint:
        await store.reset_vectors(embedder.dimension, "next")
        state = await store.vector_state("next")
    total = state.count + state.unembedded
    resumed, done = state.count, 0
    while batch := _batch(await store.unembedded(BATCH, generation="next")):
        rows = [row for row, _ in batch]
        vectors, further = await _vectors_of(embedder, batch)
        made = await store.put_vectors(rows, vectors, embedder.fingerprint, "next", further)
        done += len(made)
        share = min((resumed + done) / max(total, 1), 1.0)
        await progress(share, f"embedded {resumed + done} of {total}")
    return done
