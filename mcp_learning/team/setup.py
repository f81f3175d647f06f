"""The work of `mcp-learning team init`, `upgrade` and `status` in the team's store.

All functions raise TeamError, which says why something can't be done, and ConfigurationError when
the settings name no team.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from mcp_learning.models.team import TeamHealth
from mcp_learning.settings import Settings
from mcp_learning.team.access import access
from mcp_learning.team.holding import Holding
from mcp_learning.team.postgres import schema, vectors
from mcp_learning.team.postgres.connection import connected
from mcp_learning.team.postgres.remote import Remote, RemoteState
from mcp_learning.team.postgres.schema import State


class SetUp(NamedTuple):
    """The result of setting up a team's store.

    Attributes:
        state: Versions of the schema.
        writers: Roles that were added and may write.
        readers: Roles that were added and may only read.
        no_meaning: Why hosts that hold a part can't search the rest by meaning; None: they can.
    """

    state: State
    writers: list[str]
    readers: list[str]
    no_meaning: str | None


async def set_up(settings: Settings, writers: Sequence[str], readers: Sequence[str]) -> SetUp:
    """Creates what is missing, all or nothing: the schema, the team, its members.

    Args:
        settings: The team; the role in its address may create schemas and roles.
        writers: Roles that may read and write; if no role at all is given, that of the address.
        readers: Roles that may read.
    """
    target = access(settings)
    async with connected(target) as connection:
        async with connection.transaction():
            state = await schema.upgrade(connection)
            team = await schema.add_team(connection, target.team)
            wanted: list[tuple[str | None, bool]] = [(role, True) for role in writers]
            wanted += [(role, False) for role in readers]
            made = [
                (await schema.add_member(connection, team, role, can_write=can_write), can_write)
                for role, can_write in wanted or [(None, True)]
            ]
        return SetUp(
            state,
            [name for name, can_write in made if can_write],
            [name for name, can_write in made if not can_write],
            await vectors.set_up(connection),
        )


async def upgrade(settings: Settings, *, contract: bool) -> SetUp:
    """Upgrades the schema (`schema.upgrade`) and the search tables."""
    async with connected(access(settings)) as connection:
        state = await schema.upgrade(connection, contract=contract)
        return SetUp(state, [], [], await vectors.set_up(connection))


async def with_total(settings: Settings, there: RemoteState, here: TeamHealth) -> TeamHealth:
    """The health with the team's number of executions, if this host doesn't hold all."""
    if Holding.of(settings).is_whole(there.change):
        return here
    async with _remote(settings) as remote:
        return here.model_copy(update={"there": await remote.count()})


async def remote_state(settings: Settings) -> RemoteState:
    """The current state of the team's store."""
    async with _remote(settings) as remote:
        return await remote.state()


@asynccontextmanager
async def _remote(settings: Settings) -> AsyncIterator[Remote]:
    remote = Remote(access(settings), timeout=10.0)
    try:
        yield remote
    finally:
        await remote.close()
