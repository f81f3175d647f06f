"""Local: this host's own part of an exchange, its database and its indexes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from mcp_learning.store.protocol import FileStore
from mcp_learning.store.shared import SharedVector, TeamPage
from mcp_learning.store.types import Unembedded

if TYPE_CHECKING:
    from mcp_learning.search.scorer import Query
    from mcp_learning.service.indexer import Indexer


class Local:
    """The database that an exchange writes to, and the indexes that have to follow.

    Args:
        store: The database.
        indexer: Gives its indexes, which are made at first use.

    Attributes:
        grown: How many executions were fetched since it was last seen to what is held.
    """

    def __init__(self, store: FileStore, indexer: "Callable[[], Awaitable[Indexer]]") -> None:
        self.store = store
        self.grown = 0
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

    async def asked(self, text: str) -> "Query":
        """What a search for a text would look for.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read.
        """
        return await (await self._indexer()).searches.asked(text)

    async def absent(self, task_ids: Sequence[UUID]) -> list[UUID]:
        """Those of these executions that searches don't know.

        Raises:
            StoreError: The database can't be read.
        """
        return await (await self._indexer()).absent(task_ids)

    async def informative_terms(self, text: str, most: int) -> dict[int, str]:
        """The terms of a question that say most of what it is about, and how they are spelt.

        Args:
            text: The question.
            most: How many at most.

        Raises:
            StoreError: The database can't be read.
        """
        return await (await self._indexer()).informative_terms(text, most)

    async def set_frequencies(self, counted: Mapping[int, int], total: int) -> None:
        """Says how many executions of the team have some terms.

        Args:
            counted: By term.
            total: How many executions the team has, > 0.

        Raises:
            StoreError: The database can't be read.
        """
        await (await self._indexer()).set_frequencies(counted, total)

    async def cache(self, page: TeamPage, vectors: Sequence[SharedVector], total: int) -> bool:
        """Stores executions that were fetched for a question, with their vectors.

        Args:
            page: These; as `SharedStore.cache`.
            vectors: Theirs, by this host's model.
            total: How many executions the team has; 0: not known.

        Returns:
            Whether they are here; False: what is here is later than the page.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read or written.
        """
        described = (
            (one.task_id, (one.fields or {}).get("task_description")) for one in page.executions
        )
        fetched = [Unembedded(one, 0, text) for one, text in described if isinstance(text, str)]
        store = partial(self.store.cache, page)
        done = await (await self._indexer()).cache(fetched, vectors, total, store)
        self.grown += len(page.executions) * done
        return done

    async def recall(self, total: int) -> None:
        """Tells searches what was fetched for questions before this process began.

        Args:
            total: As for `cache`.

        Raises:
            StoreError: The database can't be read.
        """
        if fetched := await self.store.fetched():
            await (await self._indexer()).mark_fetched(fetched, total)

    async def adopt(self, vectors: Sequence[SharedVector]) -> None:
        """Stores vectors that the same model made elsewhere, for executions that have none.

        Raises:
            EmbedderUnavailable: The model can't be loaded.
            StoreError: The database can't be read or written.
        """
        indexer = await self._indexer()
        waiting = await self.store.without_vector(list({one.task_id for one in vectors}))
        await indexer.adopt(waiting, vectors, await indexer.fingerprint())
