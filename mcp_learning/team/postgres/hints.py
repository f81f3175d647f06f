"""Listens for hints that a team has changed: PostgreSQL's NOTIFY, on a separate connection.

A pooler in transaction mode drops them, and a busy server may send them late, so nothing depends on
them.
"""

from collections.abc import Callable

from mcp_learning.team.access import Access
from mcp_learning.team.postgres.connection import connected
from mcp_learning.team.postgres.remote import CHANNEL


async def listen(access: Access, notice: Callable[[str, int], None]) -> None:
    """Calls `notice` for each hint, until the connection ends.

    Args:
        access: The server.
        notice: Gets the id of the team that has changed, and the process id of the server's backend
            that sent the hint.

    Raises:
        TeamError: The connection ended, or couldn't be opened.
    """
    async with connected(access) as connection:
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        async for hint in connection.notifies():
            notice(hint.payload, hint.pid)
