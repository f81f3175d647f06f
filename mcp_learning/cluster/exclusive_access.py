"""Exclusive access to the database file, for work that replaces it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.errors import StoreLocked
from mcp_learning.permissions import restrict_files
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.files import make_private


@contextmanager
def exclusive_access(settings: Settings) -> Iterator[None]:
    """Holds the leader lock, so that no other process opens the database. Never waits.

    Raises:
        StoreLocked: A server or a command has the database open.
        StoreError: The lock can't be acquired here.
    """
    make_private(settings.data_dir)
    directory = addresses.run_directory(settings)
    make_private(directory)
    lock = LeaderLock(directory)
    if not lock.acquire():
        address = addresses.read(directory)
        who = f"process {address.leader.pid}" if address else "another mcp-learning"
        raise StoreLocked(
            f"{settings.database_path} is in use by {who}; close the agents that use it (or end "
            "that process), then call again"
        )
    try:
        with suppress(OSError):  # a leader that was killed leaves its address
            (directory / "leader.json").unlink(missing_ok=True)
        restrict_files(settings.data_dir)
        yield
    finally:
        lock.release()
