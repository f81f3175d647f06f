"""This host's connection to the team's store."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from uuid import UUID

import anyio
from psycopg import IsolationLevel

from mcp_learning.errors import TeamError
from mcp_learning.models.fields import clean_values
from mcp_learning.store.shared import Part
from mcp_learning.team.access import Access
from mcp_learning.team.postgres import feed, losses, parts, schema
from mcp_learning.team.postgres.connection import (
    TOO_OLD,
    Connection,
    close,
    connect,
    fetch,
    is_open,
    translated_errors,
)
from mcp_learning.team.postgres.pages import Lacks, RemotePage, page_of
from mcp_learning.team.rows import Row, as_json

CHANNEL = "mcpl"
"""Channel of PostgreSQL's NOTIFY for hints that a team has changed."""

READ_IN = 200
"""Changes that are added to the search tables at a time: 0.15 s, during which their rows are
locked."""

_STATE = """
SELECT t.team, t.epoch::text || '/' || mcpl.server(), t.change, t.floor, session_user::text,
    m.can_write, t.min_client > %s
FROM mcpl.teams t JOIN mcpl.members m ON m.team = t.team AND m.member = session_user
WHERE t.name = %s
"""
# The server is part of the epoch, since after a failover the new one may lack the last commits.

_IDS = "SELECT task_id FROM mcpl.executions WHERE team = %s AND doc IS NOT NULL"


class RemoteState(NamedTuple):
    """A team's store at one moment.

    Attributes:
        team: Id of the team.
        epoch: The epoch of its change numbers.
        change: The last change number.
        floor: Tombstones up to this number may have been deleted.
        role: This host's database role.
        is_writer: Whether that role may write.
        is_old: Whether this version of the package is too old to write.
    """

    team: UUID
    epoch: str
    change: int
    floor: int
    role: str
    is_writer: bool
    is_old: bool

    @property
    def can_write(self) -> bool:
        """Whether this host may write."""
        return self.is_writer and not self.is_old

    @property
    def refusal(self) -> str:
        """Why this host may not write, and what to do about it."""
        if self.is_old:
            return TOO_OLD
        return (
            f"the role {self.role!r} may not write to the team; its owner runs "
            f"`mcp-learning team init --member {self.role}`"
        )


class Pushed(NamedTuple):
    """The result of a push.

    Attributes:
        base: The row at place n has the change number `base` + n.
        forgotten: Executions that were changed or used, and that the team has forgotten.
        absent: Executions that weren't changed, since the team lacks them.
        present: Executions that were sent whole although the team had them; they weren't changed.
    """

    base: int
    forgotten: Sequence[UUID]
    absent: Sequence[UUID]
    present: Sequence[UUID]


class Remote:
    """One connection, opened by the first call and again after a failure. Not for concurrent use.

    Methods raise TeamError when the store can't be used, or this host's role is no member.

    Args:
        access: The team's store.
        timeout: Seconds that a call may take.
    """

    def __init__(self, access: Access, timeout: float) -> None:
        self._access = access
        self._timeout = timeout
        self._connection: Connection | None = None

    async def close(self) -> None:
        """Closes the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await close(connection)

    async def state(self) -> RemoteState:
        """The current state of the team's store."""
        async with self._connected() as connection:
            return await self._state(connection)

    async def push(self, team: UUID, rows: Sequence[Row]) -> Pushed:
        """Writes rows, as `mcpl.push` describes them, in this order, all or none.

        Raises:
            TeamRefused: A value can't be stored, or this version is too old to write.
            TeamError: The server can't be reached; the rows may have been written nevertheless.
        """
        given = await anyio.to_thread.run_sync(_given, rows)
        async with self._connected() as connection:
            (row,) = await fetch(
                connection,
                "SELECT base, forgotten, absent, present FROM mcpl.push(%s, %s, %s, %s::jsonb)",
                [team, schema.CLIENT, len(rows), given],
            )
            return Pushed(*row)

    @property
    def backend(self) -> int | None:
        """Process id of the server's backend; None without a connection."""
        return self._connection.info.backend_pid if self._connection is not None else None

    async def notify(self, team: UUID) -> None:
        """Sends other hosts a hint that the team has changed, if the server can be reached.

        Not part of the write, since PostgreSQL serialises commits with NOTIFY.
        """
        with suppress(TeamError):
            async with self._connected() as connection:
                await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(team)])

    async def page(
        self, since: int, limit: int, model: str, lacking: feed.Lacking, absent: feed.Lacking
    ) -> RemotePage:
        """The next changes; as `feed.changed`."""
        async with self._at_one_moment() as connection:
            now = await self._state(connection)
            read = await feed.changed(
                connection, now.team, since, now.change, limit, model, lacking, absent
            )
            return await anyio.to_thread.run_sync(page_of, read)

    async def older(self, state: RemoteState, since: int, part: Part) -> int:
        """As `parts.older`."""
        async with self._connected() as connection:
            return await parts.older(connection, state.team, since, state.change, part)

    async def page_of_part(
        self, since: int, model: str, wanted: parts.Wanted, absent: parts.Absent
    ) -> RemotePage:
        """The next changes to a part of the team's executions; as `parts.changed`."""
        async with self._at_one_moment() as connection:
            now = await self._state(connection)
            read = await parts.changed(
                connection, now.team, since, now.change, model, wanted, absent
            )
            return await anyio.to_thread.run_sync(page_of, read)

    async def count(self) -> int:
        """Number of the team's executions that this role may read."""
        async with self._connected() as connection:
            return await parts.count(connection, (await self._state(connection)).team)

    async def read_in(self, team: UUID) -> int:
        """Adds up to `READ_IN` changes to the search tables; returns how many are left."""
        async with self._connected() as connection:
            left = [
                await fetch(connection, f"SELECT mcpl.{function}(%s, %s)", [team, READ_IN])
                for function in ("read_in", "read_vectors_in")
            ]
            return max(int(rows[0][0]) for rows in left)

    @asynccontextmanager
    async def _at_one_moment(self) -> AsyncIterator[Connection]:
        """The connection, in a transaction that sees one state of the store."""
        async with self._connected() as connection:
            await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            try:
                async with connection.transaction():
                    yield connection
            finally:
                await connection.set_isolation_level(None)

    async def lacks(self, ids: Sequence[UUID], epoch: str) -> Lacks:
        """What this server lost of these executions and lessons, sent in an earlier epoch."""
        async with self._connected() as connection:
            now = await self._state(connection)
            there = await losses.numbers(connection, now.team, ids)
            same = await losses.common(connection, now.team, now.change, now.epoch, epoch)
            return Lacks(there, same)

    async def all_ids(self) -> list[UUID]:
        """Ids of all executions that the team has."""
        async with self._connected() as connection:
            team = (await self._state(connection)).team
            return [row[0] for row in await fetch(connection, _IDS, [team])]

    async def _state(self, connection: Connection) -> RemoteState:
        rows = await fetch(connection, _STATE, [schema.CLIENT, self._access.team])
        if not rows:
            raise TeamError(
                f"the team {self._access.team!r} doesn't exist, or this role is not a member: its "
                "owner runs `mcp-learning team init --member ROLE`"
            )
        return RemoteState(*rows[0])

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """Context with the connection, which is closed if the context fails.

        A connection that a restart, a pooler or a firewall has ended is opened again.
        """
        if self._connection is not None and not is_open(self._connection):
            await self.close()
        try:
            if self._connection is None:
                self._connection = await connect(self._access)
                async with translated_errors():
                    await schema.check(self._connection)
            async with translated_errors():
                with anyio.fail_after(self._timeout):
                    yield self._connection
        except BaseException:
            await self.close()
            raise


def _given(rows: Sequence[Row]) -> str:
    text = as_json(rows)
    if "\\u0000" in text:  # from an earlier version of this package; PostgreSQL refuses NUL
        text = json.dumps(clean_values(json.loads(text)), ensure_ascii=False)
    return text
