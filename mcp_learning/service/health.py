"""The state of the database and of what is derived from it, whether that is loaded or not."""

import os
from importlib import import_module
from typing import TYPE_CHECKING

import anyio.to_thread

from mcp_learning import __version__
from mcp_learning.models.health import Health, IndexHealth, IndexingHealth
from mcp_learning.settings import Settings
from mcp_learning.store.protocol import Store

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer


async def report_health(settings: Settings, store: Store, indexer: "Indexer | None") -> Health:
    """State of the database, the embedder and the indexes; `indexer` is None if there is none yet.

    Raises:
        StoreError: The store can't be read.
    """
    stored = await store.health()
    if indexer is None:
        derived = IndexingHealth(embedder=settings.embedding_model)
    else:
        derived = await anyio.to_thread.run_sync(indexer.health)
    values = derived.model_dump()
    if derived.index.state == "loading":
        values["index"] = await _stored_index(settings, store, stored.rows)
    return Health(
        **values,
        rows=stored.rows,
        embedded=stored.embedded,
        pending=stored.unembedded,
        schema_version=stored.schema_version,
        database_bytes=stored.bytes,
        owner_pid=os.getpid(),
        version=__version__,
    )


async def _stored_index(settings: Settings, store: Store, rows: int) -> IndexHealth:
    """The state of the HNSW index as its file says, before it is opened."""
    # Its import, with numpy, takes 0.1 s.
    module = await anyio.to_thread.run_sync(import_module, "mcp_learning.service.index_state")
    model = (await store.vector_state()).model
    found: IndexHealth = await anyio.to_thread.run_sync(module.stored, settings, rows, model)
    return found
