"""Setting a team's store up: what `mcp-learning team init`, `upgrade` and `status` do there."""

from collections.abc import Sequence
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
    """A team that is ready.

    Attributes:
        state: Of the schema.
        writers: Roles that were named and may write.
        readers: Those that only read.
        no_meaning: Why hosts that hold a part can't search the rest by meaning; None: they can.
    """

    state: State
    writers: list[str]
    readers: list[str]
    no_meaning: str | None


async def set_up(settings: Settings, writers: Sequence[str], readers: Sequence[str]) -> SetUp:
    """Makes what is missing: the schema, the team, its members.

    Args:
        settings: Of the team; their role may make schemas and roles.
        writers: Roles that may read and write; with none and no readers, that of the settings.
        readers: Roles that may read.

    Raises:
        TeamError: It can't be made; says why. All of it or nothing is done.
        ConfigurationError: The settings name no team.
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
    """Brings the schema up to date, and what is made of its rows; as `schema.upgrade`.

    Raises:
        TeamError: It can't be done; says why.
        ConfigurationError: The settings name no team.
    """
    async with connected(access(settings)) as connection:
        state = await schema.upgrade(connection, contract=contract)
        return SetUp(state, [], [], await vectors.set_up(connection))


async def with_total(settings: Settings, there: RemoteState, here: TeamHealth) -> TeamHealth:
    """What is known here, and how many executions the team has if not all of them are held.

    Raises:
        TeamError: The team's store can't be used; says why.
        ConfigurationError: The settings name no team.
    """
    if Holding.of(settings).is_whole(there.change):
        return here
    remote = Remote(access(settings), timeout=10.0)
    try:
        return here.model_copy(update={"there": await remote.count()})
    finally:
        await remote.close()


async def remote_state(settings: Settings) -> RemoteState:
    """The team's store now.

    Raises:
        TeamError: It can't be used; says why.
        ConfigurationError: The settings name no team.
    """
    remote = Remote(access(settings), timeout=10.0)
    try:
        return await remote.state()
    finally:
        await remote.close()
