"""The team methods of a learning service without a team; the room `team` has the others."""

from mcp_learning.errors import ConfigurationError
from mcp_learning.models.team import NO_TEAM, Exchanged, ExchangeWithTeam, LeftTeam
from mcp_learning.store.protocol import FileStore


class Unshared:
    """Implements the team methods for a host without a team."""

    store: FileStore

    async def exchange(self, request: ExchangeWithTeam) -> Exchanged:
        """Raises ConfigurationError, which says what to set."""
        raise ConfigurationError(NO_TEAM)

    async def leave_team(self) -> LeftTeam:
        """Makes the database forget its former team, if any. No execution is deleted."""
        state = await self.store.outbox_state()
        await self.store.set_mark(None)
        return LeftTeam(team=state.mark and state.mark.team, dropped=state.waiting)
