"""Keeps the rows that searches use up to date with the store.

All rows are read once. Then `sync` reads what was committed since, and is free if there is nothing
new. The store is queried on the event loop; worker threads apply the results.
"""

import logging
from collections.abc import Hashable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from mcp_learning.embed.embedder import Embedder
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.row_table import RowTable, Untokenised
from mcp_learning.store.protocol import Store
from mcp_learning.store.shared import Cached
from mcp_learning.store.types import IndexedTexts, Mark, Shown

logger = logging.getLogger(__name__)

FEW = 64
"""If at most so many executions have changed, their texts are read at once, since embedding,
tokenising and answers need them."""

_REPEATS = 20
"""How often texts that changed since their numbers were read are read again."""


class IndexSync:
    """The rows in memory of one store.

    Invariants:
    - Changes are read and applied under one lock, so in order and once.
    - Vectors are stored and applied, and everything is read again, only while `storing` is held, so
      the vectors in memory are those in the store. It is acquired before any other lock here.

    Methods raise StoreError when the store can't be read; the rows read before stay in use.

    Attributes:
        store, embedder, retriever: Shared by all parts of an indexer.
        reembed_due: Whether the stored vectors are of another model, so that rows have none.
        loads: How often everything was read; 0: not yet.
        storing: Lock that is held while vectors are stored and applied to the rows.
    """

    def __init__(
        self, directory: Path, store: Store, embedder: Embedder, retriever: Retriever
    ) -> None:
        self.reembed_due = False
        self.loads = 0
        self.storing = anyio.Lock()
        self.store = store
        self.embedder = embedder
        self.retriever = retriever
        self._directory = directory
        self._loading = anyio.Lock()
        self._syncing = anyio.Lock()
        self._tokenising = anyio.Lock()
        self._mark: Mark | None = None
        self._revision: Hashable = None

    async def load(self) -> None:
        """Loads the model, then reads everything; a second caller waits for the first.

        Raises:
            EmbedderUnavailable: The model can't be loaded. The next call tries again.
        """
        if self.loads:
            return
        async with self._loading:
            if self.loads:
                return
            await anyio.to_thread.run_sync(self.embedder.load, abandon_on_cancel=True)
            async with self.storing:
                await self.reload()

    async def sync(self) -> None:
        """Applies everything that was committed before the call. Call `load` before."""
        if not await self._follow():
            async with self.storing:
                if self.store.revision != self._revision:
                    await self.reload()

    async def follow(self, added: Cached) -> None:
        """As `sync`, for a caller that has just added executions and holds `storing`."""
        async with self._syncing:
            if added.changes is not None and added.since == self._revision:
                await anyio.to_thread.run_sync(self.retriever.apply, added.changes, added.texts)
                self._mark, self._revision = added.changes.next, added.revision
                return
        if not await self._follow(added.texts):
            await self.reload()

    async def _follow(self, texts: Sequence[Shown] = ()) -> bool:
        """Applies new commits; False if the store was reopened, so that all has to be read."""
        if self.store.revision == self._revision:
            return True
        async with self._syncing:
            revision = self.store.revision  # first: a commit during the read is read the next time
            if revision == self._revision:
                return True
            changes = await self.store.changes(self._mark)
            if changes.complete:
                return False
            if len(changes.rows) or len(changes.deleted):
                if not texts and 0 < len(changes.rows) <= FEW:
                    read = await self.store.summaries(changes.rows.task_ids())
                    texts = list(read.values())
                await anyio.to_thread.run_sync(self.retriever.apply, changes, texts)
            self._mark, self._revision = changes.next, revision
            return True

    async def reload(self) -> None:
        """Reads everything; searches use the old rows meanwhile. The caller holds `storing`.

        An execution that changes between the reading of rows and of vectors counts as unembedded.
        """
        async with self._syncing:
            await self.store.open()
            await self._fit_model()
            revision = self.store.revision
            changes = await self.store.changes(None)
            dimension = self.embedder.dimension
            upkeep = self.retriever.upkeep
            rows = await anyio.to_thread.run_sync(
                RowTable, self._directory, dimension, changes.rows, upkeep
            )
            if not self.reembed_due:
                take = await anyio.to_thread.run_sync(rows.vector_reader)
                await self.store.vectors(take)
            use = partial(
                self.retriever.use, rows, self.embedder.fingerprint, vectors=not self.reembed_due
            )
            await anyio.to_thread.run_sync(use)
            self._mark, self._revision = changes.next, revision
            self.loads += 1

    async def verify_vectors(self) -> bool:
        """Reads everything again if store and rows differ in the number of vectors; says whether.

        A description that was changed and changed back between two calls of `sync` looks unchanged,
        although the store has deleted its vector.
        """
        await self.sync()
        async with self.storing:
            stored = await self.store.count_vectors(2**62)
            is_current = self.store.revision == self._revision
            if self.reembed_due or not is_current or stored == self.retriever.rows.vectors:
                return False
            await self.reload()
            return True

    async def tokenise(self, most: int) -> None:
        """Tokenises rows that aren't yet, until about `most` are done or none is left."""
        done, repeats = 0, _REPEATS
        while self.retriever.rows.untokenised > 0 and done < most:
            async with self._tokenising:
                rows = self.retriever.rows
                wanted, known = await anyio.to_thread.run_sync(self._next_untokenised, rows)
                missing = [number for number in wanted.hashes if number not in known]
                texts = await self.store.texts(missing) if missing else []
                texts += [IndexedTexts(wanted.hashes[n], one.texts) for n, one in known.items()]
                complete = len(texts) == len(wanted.hashes) or not repeats
                if complete:
                    done += await anyio.to_thread.run_sync(rows.add_texts, wanted, texts)
                    repeats = _REPEATS
            if not complete:  # some rows have changed, and so have their change numbers
                repeats -= 1
                await self.sync()

    def _next_untokenised(self, rows: RowTable) -> tuple[Untokenised, dict[int, Shown]]:
        """The next rows to tokenise, and those whose texts are cached."""
        wanted = rows.next_untokenised()
        return wanted, self.retriever.summaries.known(wanted.hashes)

    async def compact(self) -> None:
        """As `RowTable.compact`.

        Raises:
            IndexUnavailable: The word index can't be saved; it stays in memory.
        """
        async with self._tokenising:
            await anyio.to_thread.run_sync(self.retriever.rows.compact)

    @property
    def reembed_reason(self) -> str:
        """Says that the vectors are of another model, and what to do."""
        return (
            f"the stored embeddings are of another model than {self.embedder.model}; a re-embed "
            "is due: call rebuild_index with reembed=true"
        )

    async def _fit_model(self) -> None:
        """Checks whether the vectors are of this model; sets the dimension of an empty store."""
        state = await self.store.vector_state()
        self.reembed_due = state.model not in (None, self.embedder.fingerprint)
        if state.model is None and state.dimension != self.embedder.dimension:
            await self.store.reset_vectors(self.embedder.dimension)
        if self.reembed_due:
            logger.warning("%s", self.reembed_reason)
