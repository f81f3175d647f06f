"""The database for one process alone, for work that replaces its file."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mcp_learning.cluster import address as addresses
from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.cluster.member import run_directory
from mcp_learning.errors import StoreLocked
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.files import make_private


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Holds the leader's seat: nobody else opens the database meanwhile. Never waits.

    Raises:
        StoreLocked: A server or a command has it open.
        StoreError: There can be no seat.
    """
    make_private(settings.data_dir)
    directory = run_directory(settings)
    make_private(directory)
    seat = LeaderLock(directory)
    if not seat.take():
        address = addresses.read(directory)
        who = f"process {address.leader.pid}" if address else "another mcp-learning"
        raise StoreLocked(
            f"{settings.database_path} is in use by {who}; close the agents that use it (or end "
            "that process), then call again"
        )
    try:
        with suppress(OSError):  # of a leader that was killed
            (directory / "leader.json").unlink(missing_ok=True)
        yield
    finally:
        seat.leave()
