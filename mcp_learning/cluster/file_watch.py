"""Detects that the leader's files were moved, removed or replaced, also when nothing is written."""

import logging
from collections.abc import Callable

import anyio
import anyio.to_thread

from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.errors import StoreError, StoreReplaced
from mcp_learning.store.file_maintenance import FileMaintenance

logger = logging.getLogger(__name__)


async def until_replaced(
    store: FileMaintenance,
    lock: LeaderLock,
    is_found: Callable[[], bool],
    detected: anyio.Event,
    interval: float,
) -> bool:
    """Returns when the path of the database, or of the lock, leads to another file than is open.

    Also when `is_found`, which may block, says that no process finds the leader any more.

    Compares them every `interval` seconds, and at once when `detected` is set, by a call that has
    found another database.

    Returns:
        Whether it is the database.
    """
    while True:
        with anyio.move_on_after(interval):
            await detected.wait()
        try:
            await store.verify()
            current = await anyio.to_thread.run_sync(lambda: lock.is_current() and is_found())
        except StoreReplaced:
            return True
        except (StoreError, RuntimeError):  # calls report it; no thread can be started
            current = True
        if detected.is_set():
            return True
        if not current:
            logger.warning(
                "the leader's lock, address or socket was removed or replaced; it steps down"
            )
            return False
