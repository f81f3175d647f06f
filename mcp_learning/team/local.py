"""This host's side of an exchange: its database and its indexes."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from mcp_learning.store.protocol import FileStore
from mcp_learning.store.shared import SharedVector, TeamPage
from mcp_learning.store.types import Unembedded

if TYPE_CHECKING:
    from mcp_learning.service.indexer import Indexer


class Local:
    """The database that an exchange writes to, and its indexes.

    Methods raise EmbedderUnavailable when the model can't be loaded, and StoreError when the
    database can't be read or written.

    Args:
        store: The database.
        indexer: Returns its indexes, which are made at first use.

    Attributes:
        grown: Number of executions fetched since the last eviction.
    """

    def __init__(self, store: FileStore, indexer: "Callable[[], Awaitable[Indexer]]") -> None:
        self.store = store
        self.indexer = indexer
        self.grown = 0

    async def model(self) -> str:
        """Fingerprint of the embedding model."""
        return await (await self.indexer()).fingerprint()

    async def changed(self, task_ids: Sequence[UUID]) -> None:
        """Tells the indexes of a commit, and which executions it deleted or gave an author."""
        await (await self.indexer()).forget(task_ids)

    async def cache(self, page: TeamPage, vectors: Sequence[SharedVector], total: int) -> bool:
        """Stores executions that were fetched for a question, with their vectors.

        Args:
            page: As for `SharedStore.cache`.
            vectors: Their vectors, by this host's model.
            total: Number of executions that the team has; 0: unknown.

        Returns:
            Whether they are stored now; False: the store is ahead of the page.
        """
        described = (
            (one.task_id, (one.fields or {}).get("task_description")) for one in page.executions
        )
        fetched = [Unembedded(one, 0, text) for one, text in described if isinstance(text, str)]
        store = partial(self.store.cache, page)
        done = await (await self.indexer()).cache(fetched, vectors, total, store)
        self.grown += len(page.executions) * done
        return done

    async def restore_fetched(self, total: int) -> None:
        """Tells the indexes which executions were fetched before this process began."""
        if fetched := await self.store.fetched():
            await (await self.indexer()).mark_fetched(fetched, total)

    async def adopt(self, vectors: Sequence[SharedVector]) -> None:
        """Stores vectors of this host's model, computed by others, for executions without one."""
        indexer = await self.indexer()
        waiting = await self.store.without_vector(list({one.task_id for one in vectors}))
        await indexer.adopt(waiting, vectors)
