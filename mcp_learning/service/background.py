"""A value that is read again after a commit, and writes that answers don't wait for."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")

PAUSE = 1.0  # seconds during which changes are collected before they are written


class CurrentValue(Generic[T]):
    """Caches a value of a store, and reads it again when the revision has changed."""

    def __init__(self, read: Callable[[], Awaitable[T]], revision: Callable[[], Hashable]) -> None:
        self._read = read
        self._revision = revision
        self._known: tuple[Hashable, T] | None = None

    async def get(self) -> T:
        """The value as of the last commit. Raises as `read` does."""
        revision = self._revision()  # first: after a commit during the read, the next call reads
        if self._known is None or self._known[0] != revision:
            self._known = (revision, await self._read())
        return self._known[1]


class WriteBehind:
    """Calls `save`, which must not raise, in the background, `PAUSE` seconds after `notice`."""

    def __init__(self, save: Callable[[], Awaitable[None]]) -> None:
        self._save = save
        self._news = anyio.Event()

    def notice(self) -> None:
        """Says that there is something to save."""
        self._news.set()

    async def run(self) -> None:
        """Calls `save` after each notice, until cancelled."""
        while True:
            await self._news.wait()
            await anyio.sleep(PAUSE)
            self._news = anyio.Event()
            await self._save()
