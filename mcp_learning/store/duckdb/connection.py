"""Async access to one DuckDB file: every write on one named thread, a cursor for each read.

Invariants:
- A write runs inside one transaction on the writer thread; `write` returns only after COMMIT.
- Cancelling a caller that waits doesn't stop the write; only its result is dropped. So cancellation
  never leaves half a write.
- No connection object is shared between threads: DuckDB mixes up results when one is.
- After a fatal engine error, or on a full disk, the instance is closed and the next call opens the
  file again. The writer thread closes it when no cursor is open: until then DuckDB would return the
  same instance to whoever opens the file.
- The file is replaced only while no cursor is open, and without a write-ahead log beside it: DuckDB
  replays any log that it finds there.
- Before each commit, and before the file is closed, the files at the path are compared with the
  open ones. If they differ, nothing is written, and the files at the path are not touched.
"""

import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar, cast

import anyio
import anyio.to_thread

from mcp_learning.errors import StoreError, StoreReplaced
from mcp_learning.store.duckdb import opening
from mcp_learning.store.duckdb.files import (
    discard,
    finish_replacement,
    make_private,
    rename_durably,
    staging_of,
    wal_of,
)
from mcp_learning.store.duckdb.open_files import OpenFiles, identity, replaced_error
from mcp_learning.store.duckdb.opening import Cursor, is_committed, is_fatal, is_full
from mcp_learning.store.duckdb.queued_call import QueuedCall

__all__ = ["Cursor", "Database", "is_full", "make_private", "roll_back"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_READERS = 4  # reads that run at the same time, each in its own thread


class _NotOpen(Exception):
    """Raised when no instance is open that a read could use."""


class _InstanceFailed(Exception):
    """Raised when a read failed because of its instance, which has to be opened again."""


class Database:
    """One DuckDB file, opened by `start` or by the first call.

    Args:
        path: The file; its directory is made, private to the user, if absent.
        memory_limit_mb: DuckDB's buffer memory, in MB (2^20 bytes).
        prepare: Runs once after every opening, on the writer thread, outside a transaction.
    """

    def __init__(
        self,
        path: Path,
        *,
        memory_limit_mb: int = 256,
        prepare: Callable[[Cursor], None] | None = None,
    ) -> None:
        self.path = path
        self.openings = 0
        """How often the file was opened; each time it may be another file."""
        self.commits = 0
        """Number of committed writes that changed data that searches and indexes read."""
        self.lesson_commits = 0
        """Number of those that may have changed lessons."""
        self._memory_limit_mb = memory_limit_mb
        self._prepare = prepare
        self._limiter: anyio.CapacityLimiter | None = None
        self._queue: SimpleQueue[QueuedCall[Any] | None] = SimpleQueue()
        self._root: Cursor | None = None
        self._files: OpenFiles | None = None  # of `_root`
        self._replaced = False
        self._failed: Cursor | None = None  # closed by the next call, if it is still `_root`
        self._readable = threading.Condition()
        self._readers = 0
        self._replacing = False
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._closing = False

    def start(self) -> None:
        """Starts the writer thread, which opens the file at once. Never blocks or raises."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name=f"writer of {self.path.name}", daemon=True
            )
            self._thread.start()

    async def write(
        self,
        fn: Callable[[Cursor], T],
        *,
        counted: Callable[[T], bool] | None = None,
        committed: Callable[[T], None] | None = None,
        lessons: bool = True,
    ) -> T:
        """Runs `fn` in a transaction on the writer thread; returns after COMMIT.

        If `fn` raises, the transaction is rolled back and the error is raised here.

        Args:
            fn: The work.
            counted: Tells from the result whether the write adds to `commits`, since it changed
                data that searches or indexes read. None: it always does.
            committed: Called with the result on the writer thread, after COMMIT and before
                `commits` changes; must not raise.
            lessons: Whether it may change lessons.

        Raises:
            StoreError: The database can't be opened or written.
        """
        return await self._submit(
            QueuedCall(fn, transaction=True, counted=counted, committed=committed, lessons=lessons)
        )

    async def read(self, fn: Callable[[Cursor], T], *, repeat: bool = True) -> T:
        """Runs `fn` with a cursor of its own in a worker thread.

        With `repeat`, it runs once more if its instance had to be closed after a failed write.

        Raises:
            StoreError: The database can't be opened or read.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(MAX_READERS)
        while True:
            if self._root is None or self._root is self._failed:
                await self.open()
            try:
                return await anyio.to_thread.run_sync(self._read, fn, limiter=self._limiter)
            except _NotOpen:  # a write has failed since
                continue
            except _InstanceFailed as failed:
                if repeat:
                    repeat = False
                    continue
                cause = cast("Exception", failed.__cause__)
                raise opening.store_error(self.path, cause) from cause

    async def open(self) -> None:
        """Waits until the file is open.

        Raises:
            StoreError: It can't be opened. A later call tries again.
        """
        await self._submit(QueuedCall(lambda _: None))

    @property
    def closing(self) -> bool:
        """Whether every further call fails: `close` was called, or the file was replaced."""
        return self._closing or self._replaced

    async def verify(self) -> None:
        """Compares the files at the path with the open ones, if any are open.

        Raises:
            StoreReplaced: They differ. From now on every call raises it.
        """
        if self._replaced or self._root is not None:
            await self.open()

    async def checkpoint(self) -> None:
        """Merges the write-ahead log into the file."""
        await self._submit(QueuedCall(self._checkpoint))

    async def free_memory(self) -> None:
        """Drops the blocks of the file that DuckDB keeps in memory, unless it is being read."""
        await self._submit(QueuedCall(self._free_memory))

    async def replace(self, make: Callable[[Cursor, Path], T]) -> T:
        """Makes a new file on the writer thread, and replaces this one by it.

        Writes wait meanwhile; reads go on until the new file is complete, then wait for
        milliseconds. After a failure, or a kill at any moment, one of both files is in place.
        `make` gets a cursor and the path of the file to write and close.

        Raises:
            StoreError: The new file can't be made, or this one can't be closed; it stays.
        """
        return await self._submit(QueuedCall(lambda cursor: self._replace(cursor, make)))

    async def close(self, max_wait: float | None = None) -> None:
        """Finishes queued writes and closes the file.

        Args:
            max_wait: Longest wait for the closing checkpoint, in seconds; None: no limit. Returning
                earlier loses nothing, since commits are in the log, but the process then has to end
                by `os._exit`, since DuckDB is still running on its thread.
        """
        if self._thread is None:
            return
        self._closing = True
        self._queue.put(None)
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._stopped.wait, max_wait)

    async def _submit(self, call: QueuedCall[T]) -> T:
        if self._replaced:
            raise replaced_error(self.path)
        if self._closing:
            raise StoreError(f"{self.path} was closed; start the server again")
        self.start()
        self._queue.put(call)
        return await call.wait()

    def _work(self) -> None:
        with suppress(Exception):  # reported to the first caller, who makes it try again
            self._connect()
        while (call := self._queue.get()) is not None:
            try:
                result = self._run(partial(self._transact, call) if call.transaction else call.fn)
            except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
                call.deliver(error=error)
            else:
                call.deliver(result)
        if self._root is not None:
            with suppress(Exception):  # already logged
                self._run(lambda _: None)
        self._disconnect()
        self._stopped.set()

    def _run(self, fn: Callable[[Cursor], T]) -> T:
        """Runs `fn` with a cursor, if the files at the path are those that are open."""
        if self._replaced:
            raise replaced_error(self.path)
        if self._failed is not None and self._failed is self._root:
            self._disconnect()
        root, files = self._connect()
        cursor = root.cursor()
        try:
            files.verify()
            files.verify_log(cursor)
            return fn(cursor)
        except StoreReplaced as error:
            logger.warning("%s", error)
            cursor.close()
            self._abandon()
            raise
        except Exception as error:
            if is_fatal(error) or is_full(error):
                self._failed = root
            raise opening.store_error(self.path, error) from error
        finally:
            cursor.close()

    def _transact(self, call: QueuedCall[T], cursor: Cursor) -> T:
        root, files = self._connect()
        cursor.execute("BEGIN")
        try:
            result = call.fn(cursor)
            files.verify()
            with files.writing():
                cursor.execute("COMMIT")
        except BaseException as error:
            if not is_committed(error):
                roll_back(cursor)
                raise
            logger.warning("the checkpoint after a commit failed: %s", error)
            self._failed = root
        if call.committed is not None:
            call.committed(result)
        counted = call.counted is None or call.counted(result)
        self.commits += counted
        self.lesson_commits += counted and call.lessons
        if files.moved:  # the commit may have been written to the moved file
            raise replaced_error(self.path)
        return result

    def _checkpoint(self, cursor: Cursor) -> None:
        _, files = self._connect()
        with files.writing():
            cursor.execute("CHECKPOINT")

    def _free_memory(self, cursor: Cursor) -> None:
        with self._readable:  # a read that begins meanwhile would lack memory
            if not self._readers:
                opening.drop_blocks(cursor, self._memory_limit_mb)

    def _abandon(self) -> None:
        """Closes the open files, after their readers, without touching the files at the path."""
        self._replaced = True
        self._disconnect(OpenFiles.abandon)

    def _read(self, fn: Callable[[Cursor], T]) -> T:
        with self._readable:
            self._readable.wait_for(lambda: not self._replacing)
            root = self._root
            if root is None or root is self._failed:
                raise _NotOpen
            cursor = root.cursor()
            self._readers += 1
        try:
            return fn(cursor)
        except Exception as error:
            if is_fatal(error) or is_full(error):
                self._failed = root
                raise _InstanceFailed from error
            raise opening.store_error(self.path, error) from error
        finally:
            cursor.close()
            with self._readable:
                self._readers -= 1
                self._readable.notify_all()

    def _replace(self, cursor: Cursor, make: Callable[[Cursor, Path], T]) -> T:
        new = staging_of(self.path)
        discard(new)
        try:
            result = make(cursor, new)
            cursor.close()
            self._connect()[1].verify()
            with self._readable:
                self._replacing = True
                self._readable.wait_for(lambda: not self._readers)
            self._disconnect()
            if wal_of(self.path).exists():
                raise StoreError(f"{self.path} could not be closed cleanly; it was left unchanged")
            shutil.rmtree(f"{self.path}.tmp", ignore_errors=True)  # spilled by queries, if killed
            rename_durably(new, self.path.resolve())
        except OSError as error:
            raise StoreError(
                f"{self.path} can't be replaced ({error.strerror}); it was left unchanged"
            ) from error
        finally:
            try:
                discard(new)
                self._connect()
            finally:
                with self._readable:
                    self._replacing = False
                    self._readable.notify_all()
        return result

    def _connect(self) -> tuple[Cursor, OpenFiles]:
        if self._root is not None and self._files is not None:
            return self._root, self._files
        make_private(self.path.parent)
        finish_replacement(self.path)
        found = identity(self.path)
        root = opening.open_file(self.path, self._memory_limit_mb)
        files = OpenFiles(self.path)
        try:
            if found is not None and found != identity(self.path):
                raise replaced_error(self.path)
            if self._prepare is not None:
                # A cursor that is closed: an unread result would keep its transaction open, and
                # with it every checkpoint from happening.
                with files.writing(), closing(root.cursor()) as cursor:
                    self._prepare(cursor)
        except Exception as error:
            files.close(root)
            raise opening.store_error(self.path, error) from error
        self._root, self._files = root, files
        self.openings += 1
        return root, files

    def _disconnect(self, close: Callable[[OpenFiles, Cursor], None] | None = None) -> None:
        """Closes the file once all reads have ended. Runs on the writer thread."""
        with self._readable:
            root, self._root = self._root, None
            files, self._files = self._files, None
            self._readable.wait_for(lambda: not self._readers)
        close = close or partial(OpenFiles.close, checkpoint=root is not self._failed)
        if root is not None and files is not None:
            try:
                close(files, root)
            except Exception:
                logger.exception("%s was not closed cleanly; its log will be replayed", self.path)
        self._failed = None


def roll_back(cursor: Cursor) -> None:
    """Ends the transaction, if a failed COMMIT has not ended it."""
    import duckdb

    with suppress(duckdb.Error):
        cursor.execute("ROLLBACK")
