"""A call in the queue of the writer thread, by which its result returns to the event loop."""

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

from mcp_learning.store.duckdb.opening import Cursor

T = TypeVar("T")


class QueuedCall(Generic[T]):
    """A function to be run on the writer thread, in a transaction or not; made on the event loop.

    `Database.write` describes the other arguments.
    """

    def __init__(
        self,
        fn: Callable[[Cursor], T],
        *,
        transaction: bool = False,
        counted: Callable[[T], bool] | None = None,
        committed: Callable[[T], None] | None = None,
        lessons: bool = True,
    ) -> None:
        self.fn = fn
        self.transaction = transaction
        self.counted = counted
        self.committed = committed
        self.lessons = lessons
        self._token = anyio.lowlevel.current_token()
        self._done = anyio.Event()
        self._result: T
        self._error: BaseException | None = None

    async def wait(self) -> T:
        """Waits for the result; raises what the work raised."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def deliver(self, result: T | None = None, error: BaseException | None = None) -> None:
        """Hands the result or the error over, from the thread that did the work."""
        self._result = result  # type: ignore[assignment]  # read only when there is no error
        self._error = error
        with suppress(anyio.RunFinishedError):  # the event loop has ended
            anyio.from_thread.run_sync(self._done.set, token=self._token)
