"""Vectors for the executions in the embedding queue, and for all of them when the model changes."""

from collections.abc import Awaitable, Callable, Sequence

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.search.sync import Embedded
from mcp_learning.store.duckdb import embeddings, executions
from mcp_learning.store.duckdb.connection import Cursor, Database
from mcp_learning.store.duckdb.embeddings import Table
from mcp_learning.store.types import Unembedded

BATCH = 32
"""Executions embedded and stored at a time: a record waits 20 ms at most for such a write."""


async def embed_and_store(
    database: Database,
    embedder: Embedder,
    rows: Sequence[Unembedded],
    table: Table = "embeddings",
) -> tuple[list[Embedded], NDArray[np.float32]]:
    """Embeds n >= 1 rows of the queue and stores the vectors in one transaction.

    Returns:
        The m vectors that were stored, and they themselves, (m, dimension); m < n when rows were
        deleted or changed meanwhile.

    Raises:
        EmbedderUnavailable: The model can't be loaded.
        StoreError: The database can't be written; nothing was stored.
    """
    texts = [embedding_text(row.task_description) for row in rows]
    vectors = await anyio.to_thread.run_sync(embedder.embed, texts)
    with anyio.CancelScope(shield=True):  # the caller has to hear of what was stored
        stored = await database.write(
            lambda cursor: embeddings.store(cursor, rows, vectors, embedder.fingerprint, table)
        )
    kept = [position for position, row in enumerate(rows) if row.task_id in stored]
    embedded = [
        Embedded(rows[i].task_id, rows[i].task_description, stored[rows[i].task_id]) for i in kept
    ]
    return embedded, vectors[kept]


async def fill_next(
    database: Database, embedder: Embedder, progress: Callable[[float, str], Awaitable[None]]
) -> int:
    """Embeds every execution into `embeddings_next`; returns how many it did.

    What an interrupted run of the same model left there is kept, so that it is resumed.
    """

    def prepare(cursor: Cursor) -> None:
        if embeddings.model(cursor, "embeddings_next") != embedder.fingerprint:
            embeddings.create_table(cursor, "embeddings_next", embedder.dimension)

    await database.write(prepare)
    total = await database.read(executions.count)
    waiting = await database.read(lambda c: embeddings.count_pending(c, "embeddings_next"))
    resumed, done = total - waiting, 0
    while rows := await database.read(lambda c: embeddings.pending(c, BATCH, "embeddings_next")):
        stored, _ = await embed_and_store(database, embedder, rows, "embeddings_next")
        done += len(stored)
        share = min((resumed + done) / max(total, 1), 1.0)
        await progress(share, f"embedded {resumed + done} of {total}")
    return done
