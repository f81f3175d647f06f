"""Finds what a server lost in a failover, by its change numbers."""

from collections.abc import Sequence
from uuid import UUID

from mcp_learning.team.postgres.connection import Connection, fetch

_NUMBERS = """
SELECT task_id, change FROM mcpl.executions WHERE team = %s AND task_id = ANY(%s)
UNION ALL SELECT lesson_id, change FROM mcpl.lessons WHERE team = %s AND lesson_id = ANY(%s)
"""
_LATER = """
SELECT min(o.since) FROM mcpl.servers o
LEFT JOIN mcpl.servers k ON k.team = o.team AND k.server = %s
WHERE o.team = %s AND CASE
    WHEN split_part(o.server, '/', 1) = %s
    THEN split_part(o.server, '/', 2) COLLATE "C" > %s
    ELSE o.since >= coalesce(k.since, 0)
END
"""
# The first number of servers that began to write after a given one: those of the same system that
# were promoted later, and those of another system, on a copy of the data.


async def numbers(connection: Connection, team: UUID, ids: Sequence[UUID]) -> dict[UUID, int]:
    """The change numbers of those of these executions and lessons that the team knows."""
    given = list(ids)
    return dict(await fetch(connection, _NUMBERS, [team, given, team, given]))


async def common(
    connection: Connection, team: UUID, change: int, now: str, epoch: str
) -> int | None:
    """The last change number that the epoch `now` shares with an earlier one; None: unknown.

    `change` is the team's last change number on the current server.
    """
    here, before = now.split("/"), epoch.split("/")
    if len(here) != len(before) or here[0] != before[0]:
        return None
    (_, system, timeline), (_, old_system, old_timeline) = here, before
    if system == old_system and timeline <= old_timeline:  # e.g. that server, restored
        return None
    server = f"{old_system}/{old_timeline}"
    ((since,),) = await fetch(connection, _LATER, [server, team, old_system, old_timeline])
    return change if since is None else int(since)
