"""What is read again after a commit, and what is written a moment after an answer."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")

PAUSE = 1.0  # seconds for which changes are collected before they are written


class CurrentValue(Generic[T]):
    """What a store gave last; read again once its revision is another one.

    Args:
        read: Reads it.
        revision: `Store.revision`, or that of a part of the store.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], revision: Callable[[], Hashable]) -> None:
        self._read = read
        self._revision = revision
        self._known: tuple[Hashable, T] | None = None

    async def get(self) -> T:
        """The value as of the last commit. Raises as `read` does."""
        revision = self._revision()  # before reading: what is committed meanwhile is read again
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
