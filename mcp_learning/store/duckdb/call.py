"""Call: one function on its way to the writer thread, and its result on the way back."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection as Cursor
else:
    Cursor = Any

T = TypeVar("T")


class QueuedCall(Generic[T]):
    """A function that waits for its turn, made on the event loop; the rest as `Database.write`."""

    def __init__(
        self,
        fn: Callable[[Cursor], T],
        *,
        transaction: bool = False,
        counted: Callable[[T], bool] | None = None,
        committed: Callable[[T], None] | None = None,
    ) -> None:
        self.fn = fn
        self.transaction = transaction
        self.counted = counted
        self.committed = committed
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
        with suppress(anyio.RunFinishedError):  # nobody is left to hear it
            anyio.from_thread.run_sync(self._done.set, token=self._token)
