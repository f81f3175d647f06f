"""What is read again after a commit, and what is written a moment after an answer."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio

from mcp_learning.store.protocol import Store

T = TypeVar("T")

PAUSE = 1.0  # seconds for which changes are collected before they are written


class CurrentValue(Generic[T]):
    """What a store gave last; read again after something was committed.

    Args:
        store: What is read from.
        read: Reads it.
    """

    def __init__(self, store: Store, read: Callable[[], Awaitable[T]]) -> None:
        self._store = store
        self._read = read
        self._known: tuple[Hashable, T] | None = None

    async def get(self) -> T:
        """The value as of the last commit. Raises as `read` does."""
        revision = self._store.revision  # before reading: what is committed meanwhile is read again
        if self._known is None or self._known[0] != revision:
            self._known = (revision, await self._read())
        return self._known[1]


class WriteBehind:
    """Has something written `PAUSE` after news of it, so that answers don't wait for that.

    Args:
        save: Writes what there is, and doesn't raise.
    """

    def __init__(self, save: Callable[[], Awaitable[None]]) -> None:
        self._save = save
        self._news = anyio.Event()

    def notice(self) -> None:
        """Says that there is something to write."""
        self._news.set()

    async def run(self) -> None:
        """Has it written, until cancelled."""
        while True:
            await self._news.wait()
            await anyio.sleep(PAUSE)
            self._news = anyio.Event()
            await self._save()
