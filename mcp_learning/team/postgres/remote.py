"""Remote: this host's connection to the team's store, opened when needed; values in, values out."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import NamedTuple, cast
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
    in_plain_words,
    is_open,
)
from mcp_learning.team.postgres.pages import Lacks, Read, RemotePage, page_of
from mcp_learning.team.rows import Row, as_json

CHANNEL = "mcpl"
"""On which hosts tell each other that a team has changed; a hint, which a pooler may swallow."""

READ_IN = 200
"""Changes that are read in at a time: 0.15 s, for which what they are about can't be changed."""

_STATE = """
SELECT t.team, t.epoch::text || '/' || mcpl.server(), t.change, t.floor, session_user::text,
    m.can_write, t.min_client > %s
FROM mcpl.teams t JOIN mcpl.members m ON m.team = t.team AND m.member = session_user
WHERE t.name = %s
"""
# The server is part of the epoch: one that takes another's place may lack its last commits.

_IDS = "SELECT task_id FROM mcpl.executions WHERE team = %s AND doc IS NOT NULL"


class RemoteState(NamedTuple):
    """A team's store at one moment.

    Attributes:
        team: Id of the team.
        epoch: Of its numbers.
        change: The last number.
        floor: Tombstones up to it may be gone.
        role: Under which this host is known there.
        is_writer: Whether that may write.
        is_old: Whether the team wants a newer version of the package of who writes.
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
        """Why it may not, and what to do about it."""
        if self.is_old:
            return TOO_OLD
        return (
            f"the role {self.role!r} may not write to the team; its owner runs "
            f"`mcp-learning team init --member {self.role}`"
        )


class Pushed(NamedTuple):
    """What became of rows that were pushed.

    Attributes:
        base: Their numbers begin after it.
        forgotten: Executions that were not changed, since they were forgotten.
        absent: Executions that were not changed, since they aren't there.
    """

    base: int
    forgotten: Sequence[UUID]
    absent: Sequence[UUID]


class Remote:
    """One connection, made at the first call and again after a failure. For one task at a time.

    Args:
        access: The team's store.
        timeout: Seconds that a call may take.
    """

    def __init__(self, access: Access, timeout: float) -> None:
        self._access = access
        self._timeout = timeout
        self._connection: Connection | None = None

    async def close(self) -> None:
        """Closes the connection; the next call makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await close(connection)

    async def state(self) -> RemoteState:
        """The team's store now.

        Raises:
            TeamError: It can't be used, or this host's role is no member.
        """
        async with self._connected() as connection:
            return await self._state(connection)

    async def push(self, team: UUID, rows: Sequence[Row]) -> Pushed:
        """Writes rows in this order, all of them or none.

        Args:
            team: Id of the team.
            rows: As `mcpl.push` describes them.

        Raises:
            TeamRefused: A value can't be stored, or this version is too old to write.
            TeamError: It can't be reached; the rows may have been written all the same.
        """
        given = await anyio.to_thread.run_sync(_given, rows)
        async with self._connected() as connection:
            answer = await connection.execute(
                "SELECT base, forgotten, absent FROM mcpl.push(%s, %s, %s, %s::jsonb)",
                [team, schema.CLIENT, len(rows), given],
            )
            row = cast("tuple[int, list[UUID], list[UUID]]", await answer.fetchone())
            return Pushed(*row)

    @property
    def backend(self) -> int | None:
        """Number of the server's process that this is connected to, if it is."""
        return self._connection.info.backend_pid if self._connection is not None else None

    async def tell(self, team: UUID) -> None:
        """Hints to other hosts that there is something new, if the server can be reached.

        Apart from the write, which it slows: notices of all writers are committed one by one.
        """
        with suppress(TeamError):
            async with self._connected() as connection:
                await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(team)])

    async def page(
        self, since: int, limit: int, model: str, lacking: feed.Lacking, absent: feed.Lacking
    ) -> RemotePage:
        """The next changes, as of one moment.

        Args:
            since: The number up to which they are known.
            limit: Rows of each kind.
            model: Whose vectors are wanted.
            lacking: Which of some executions have no vector here: those that were made earlier
                are sent with them.
            absent: Which of some executions aren't here: likewise their feedback and uses.

        Raises:
            TeamError: They can't be read.
        """
        async with self._at_one_moment() as connection:
            now = await self._state(connection)
            read = await feed.changed(
                connection, now.team, since, now.change, limit, model, lacking, absent
            )
            return await anyio.to_thread.run_sync(page_of, read)

    async def older(self, state: RemoteState, since: int, part: Part) -> int:
        """The number up to which executions are too old for a part: as many as fit are later.

        Args:
            state: Of the team's store.
            since: Changes up to this number are known.
            part: Which.

        Raises:
            TeamError: It can't be read.
        """
        async with self._connected() as connection:
            return await parts.older(connection, state.team, since, state.change, part)

    async def page_of_part(
        self, since: int, model: str, wanted: parts.Wanted, absent: parts.Absent
    ) -> RemotePage:
        """The next changes to a part of what the team has, as of one moment.

        Args:
            since: The number up to which they are known.
            model: Whose vectors are wanted.
            wanted: What this host is to hold, and which changes it needn't see.
            absent: Which of some executions aren't here; changes to what is here are sent, too.

        Raises:
            TeamError: They can't be read.
        """
        async with self._at_one_moment() as connection:
            now = await self._state(connection)
            found = await parts.changed(
                connection, now.team, since, now.change, model, wanted, absent
            )
            read = Read(*found.whole[:3], found.lessons, found.whole.vectors, now.change)
            page = await anyio.to_thread.run_sync(page_of, read)
            return replace(page, change=found.last, left_out=found.left_out)

    async def count(self) -> int:
        """How many executions the team has that this role may read.

        Raises:
            TeamError: They can't be counted.
        """
        async with self._connected() as connection:
            return await parts.count(connection, (await self._state(connection)).team)

    async def read_in(self, team: UUID) -> int:
        """Adds some of what is new to what hosts search that hold a part; returns how much is left.

        Args:
            team: Id of the team.

        Raises:
            TeamError: It can't be done.
        """
        async with self._connected() as connection:
            rows = await fetch(connection, "SELECT mcpl.read_in(%s, %s)", [team, READ_IN])
            vectors = await fetch(
                connection, "SELECT mcpl.read_vectors_in(%s, %s)", [team, READ_IN]
            )
            return max(int(rows[0][0]), int(vectors[0][0]))

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
        """What this server lacks of what was sent in an earlier epoch.

        Args:
            ids: Executions and lessons that were sent.
            epoch: That one.

        Raises:
            TeamError: It can't be read.
        """
        async with self._connected() as connection:
            now = await self._state(connection)
            there = await losses.numbers(connection, now.team, ids)
            same = await losses.common(connection, now.team, now.change, now.epoch, epoch)
            return Lacks(there, same)

    async def all_ids(self) -> list[UUID]:
        """All executions that the team has.

        Raises:
            TeamError: They can't be read.
        """
        async with self._connected() as connection:
            team = (await self._state(connection)).team
            return [row[0] for row in await fetch(connection, _IDS, [team])]

    async def _state(self, connection: Connection) -> RemoteState:
        answer = await connection.execute(_STATE, [schema.CLIENT, self._access.team])
        row = await answer.fetchone()
        if row is None:
            raise TeamError(
                f"the team {self._access.team!r} isn't there, or this role is no member of it: its "
                "owner runs `mcp-learning team init --member ROLE`"
            )
        return RemoteState(*cast("tuple[UUID, str, int, int, str, bool, bool]", row))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """The connection; closed if what is done with it fails.

        One that a restart, a pooler or a firewall has ended in the meantime is made anew.
        """
        if self._connection is not None and not is_open(self._connection):
            await self.close()
        try:
            if self._connection is None:
                self._connection = await connect(self._access)
                async with in_plain_words():
                    await schema.check(self._connection)
            async with in_plain_words():
                with anyio.fail_after(self._timeout):
                    yield self._connection
        except BaseException:
            await self.close()
            raise


def _given(rows: Sequence[Row]) -> str:
    text = as_json(rows)
    if "\\u0000" in text:  # of a database that an earlier version wrote: PostgreSQL has no NUL
        text = json.dumps(clean_values(json.loads(text)), ensure_ascii=False)
    return text
