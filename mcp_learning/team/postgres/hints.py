"""Hints that a team has changed: NOTIFY of PostgreSQL, on a connection of their own.

A pooler in transaction mode swallows them, and a server that is busy may send them late, so nothing
depends on them.
"""

from collections.abc import Callable

from mcp_learning.team.access import Access
from mcp_learning.team.postgres.connection import connected
from mcp_learning.team.postgres.remote import CHANNEL


async def listen(access: Access, notice: Callable[[str, int], None]) -> None:
    """Calls `notice` whenever a host has told the others something; until the connection ends.

    Args:
        access: The server.
        notice: Gets the id of the team that has changed, and which process of the server says so.

    Raises:
        TeamError: It ended, or couldn't be made.
    """
    async with connected(access) as connection:
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        async for hint in connection.notifies():
            notice(hint.payload, hint.pid)
