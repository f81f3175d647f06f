"""Local: this host's own part of an exchange, its database and its indexes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from mcp_learning.store.protocol import FileStore
from mcp_learning.store.shared import SharedVector
from mcp_learning.store.types import Unembedded

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer


class Local:
    """The database that an exchange writes to, and the indexes that have to follow.

    Args:
        store: The database.
        indexer: Gives its indexes, which are made at first use.
    """

    def __init__(self, store: FileStore, indexer: "Callable[[], Awaitable[Indexer]]") -> None:
        self.store = store
        self._indexer = indexer

    async def model(self) -> str:
        """Fingerprint of the embedding model.

        Raises:
            EmbedderUnavailable: It can't be loaded.
        """
        return await (await self._indexer()).fingerprint()

    async def changed(self, task_ids: Sequence[UUID]) -> None:
        """Says that rows were written, and whose texts in memory are no longer true.

        Call after the commit.

        Args:
            task_ids: Executions that were deleted, or of which only the author changed.
        """
        await (await self._indexer()).forget(task_ids)

    async def adopt(self, waiting: Sequence[Unembedded], vectors: Sequence[SharedVector]) -> None:
        """Stores vectors that the same model made elsewhere for executions that have none.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read or written.
        """
        indexer = await self._indexer()
        await indexer.adopt(waiting, vectors, await indexer.fingerprint())
