"""What a learning service answers about a team when it has none; the room `team` has one."""

from mcp_learning.errors import ConfigurationError
from mcp_learning.models.team import NO_TEAM, Exchanged, ExchangeWithTeam, LeftTeam
from mcp_learning.store.protocol import FileStore


class Unshared:
    """The part of a service that would be about a team."""

    store: FileStore

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """Raises ConfigurationError, which says what to set: there is nobody to exchange with."""
        raise ConfigurationError(NO_TEAM)

    async def leave_team(self) -> LeftTeam:
        """Forgets the team that this database was of, if it was of any. No execution is deleted."""
        state = await self.store.outbox_state()
        await self.store.set_mark(None)
        return LeftTeam(team=state.mark and state.mark.team, dropped=state.waiting)
