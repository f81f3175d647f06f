"""Generated executions into a database, with their vectors, in bulk."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import IndexUnavailable
from mcp_learning.service.indexer import Indexer
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.protocol import FileStore
from mcp_learning.synthetic.generator import RUNS_PER_TASK, Run, make_runs, make_tasks

CHUNK = 5_000
"""Executions inserted in one transaction."""

EMBED_CHUNK = 64
"""Texts embedded between two reports of progress."""

Progress = Callable[[str, int, int], None]
"""Told what is going on, how many are done, and of how many."""


@dataclass(frozen=True)
class Filled:
    """What was added to a database.

    Attributes:
        rows: Executions inserted.
        tasks: Different descriptions that they were drawn from.
        embed_seconds: Time in which these were embedded, without loading the model.
        insert_seconds: Time of the inserting transactions, commits included.
    """

    rows: int
    tasks: int
    embed_seconds: float
    insert_seconds: float

    @property
    def rows_per_second(self) -> float:
        """Speed of the insert alone."""
        return self.rows / self.insert_seconds


@asynccontextmanager
async def opened(
    settings: Settings, embedder: Embedder | None = None
) -> AsyncIterator[tuple[FileStore, Indexer]]:
    """The store of `settings`, and an indexer that isn't loaded; closed at the end."""
    store = open_store(settings)
    indexer = Indexer(settings, store, embedder)
    try:
        await store.open()
        yield store, indexer
    finally:
        with anyio.CancelScope(shield=True):
            await indexer.close()
            await store.close()


async def generate(
    settings: Settings,
    count: int,
    *,
    seed: int,
    task_types: Sequence[str],
    embed: bool,
    progress: Progress,
) -> Filled:
    """Adds `count` generated executions to the database of `settings`.

    Args:
        settings: Say which database and which embedding model.
        count: How many, >= 1.
        seed: The same seed gives the same tasks; ids and times also depend on the time of day.
        task_types: Some of `generator.TASK_TYPES`; all when empty.
        embed: False leaves the vectors to the embedding queue.
        progress: Called after each chunk.

    Raises:
        InvalidInput: A task type is unknown.
        EmbedderUnavailable: The embedding model can't be loaded.
        IndexUnavailable: The stored vectors are of another model.
        StoreError: The database can't be written; complete chunks stay.
    """
    tasks = make_tasks(-(-count // RUNS_PER_TASK), seed=seed, task_types=task_types)
    runs = make_runs(tasks, count, seed=seed, until=datetime.now(UTC))
    vectors, fingerprint, embed_seconds = None, "", 0.0
    async with opened(settings) as (store, indexer):
        if embed:
            await indexer.load()
            if indexer.reembed_due:
                raise IndexUnavailable(f"{indexer.shortcoming}; or generate with --no-embed")
            started = time.perf_counter()
            vectors = await embed_tasks(indexer.embedder, [t.description for t in tasks], progress)
            embed_seconds = time.perf_counter() - started
            fingerprint = indexer.embedder.fingerprint
        insert_seconds, rows = 0.0, 0
        while chunk := list(islice(runs, CHUNK)):
            insert_seconds += await insert(store, chunk, vectors, fingerprint)
            rows += len(chunk)
            progress("inserting", rows, count)
        # The process may end right after this. Closing doesn't wait for a long checkpoint, and
        # DuckDB aborts a process that ends in the midst of one.
        await store.checkpoint()
    return Filled(count, len(tasks), embed_seconds, insert_seconds)


async def embed_tasks(
    embedder: Embedder, descriptions: Sequence[str], progress: Progress
) -> NDArray[np.float32]:
    """Embeds descriptions in a worker thread: (n, dimension) float32, L2-normalised."""
    parts = []
    for start in range(0, len(descriptions), EMBED_CHUNK):
        texts = [embedding_text(text) for text in descriptions[start : start + EMBED_CHUNK]]
        parts.append(await anyio.to_thread.run_sync(embedder.embed, texts))
        progress("embedding", start + len(texts), len(descriptions))
    return np.concatenate(parts)


async def insert(
    store: FileStore,
    runs: Iterable[Run],
    vectors: NDArray[np.float32] | None,
    fingerprint: str,
) -> float:
    """Inserts runs in one transaction.

    Args:
        store: Where to; open.
        runs: Executions that aren't in it yet.
        vectors: Of their tasks, (tasks, dimension) float32; None leaves them to the queue.
        fingerprint: The model that made the vectors.

    Returns:
        Seconds from handing over the rows to the end of the commit.
    """
    batch = list(runs)
    executions = [run.execution for run in batch]
    chosen = None if vectors is None else vectors[[run.task for run in batch]]
    started = time.perf_counter()
    await store.insert_many(executions, chosen, fingerprint)
    return time.perf_counter() - started
