"""Requests and results about a team's store."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mcp_learning.models.fields import Model, Request
from mcp_learning.models.wording import counted

NO_TEAM = "no team is set up: set MCP_LEARNING_TEAM and MCP_LEARNING_TEAM_URL (docs/team.md)"


class TeamHealth(Model):
    """The state of the exchange between this host and its team."""

    team: str
    role: Annotated[str | None, Field(description="Of this host there, once it was reached")] = None
    waiting: Annotated[int, Field(description="Changes here that the team doesn't have yet")]
    waiting_since: datetime | None = None
    known: Annotated[
        int | None, Field(description="The team's number up to which all is here; None: never met")
    ] = None
    behind: Annotated[
        int | None, Field(description="Changes there that aren't here; as of the last contact")
    ] = None
    held: Annotated[int | None, Field(description="Executions of the team that are here")] = None
    there: Annotated[
        int | None, Field(description="Executions that the team has; None: all are to be here")
    ] = None
    beyond: Annotated[
        str | None, Field(description="How searching what isn't here fell short the last time")
    ] = None
    last_contact: datetime | None = None
    problem: str | None = None

    @property
    def waits(self) -> str:
        """What waits here, and since when, in words."""
        verb = "waits" if self.waiting == 1 else "wait"
        since = f" since {self.waiting_since:%Y-%m-%d %H:%M} UTC" if self.waiting_since else ""
        return f"{counted(self.waiting, 'change')} {verb} for the team{since}"

    @property
    def last_known(self) -> str:
        """How far behind this host was at its last contact with the team, in words."""
        if self.last_contact is None or self.behind is None:
            return "the team was not reached since this host's server began"
        at = f"{self.last_contact:%Y-%m-%d %H:%M} UTC"
        return f"at the last contact, {at}, {self.behind} of the team's were still to come"

    @property
    def portion(self) -> str:
        """How much of the team's is here, and what a search of the rest lacked; empty: all is."""
        if self.held is None or self.there is None or self.held >= self.there:
            return ""
        told = f"{self.held:,} of its {counted(self.there, 'execution')} are here"
        return f"{told}; {self.beyond}" if self.beyond else told


class ExchangeWithTeam(Request):
    """Arguments of `exchange`; `fill`: first add what was recorded before it was shared."""

    direction: Literal["both", "push", "pull"] = "both"
    fill: bool = False


class Exchanged(Model):
    """Answer of `exchange`."""

    added: Annotated[int, Field(description="Executions that were recorded before, and wait")] = 0
    pushed: Annotated[int, Field(description="Changes that the team got")] = 0
    pulled: Annotated[int, Field(description="Executions created or changed here")] = 0
    forgotten: Annotated[int, Field(description="Executions deleted here")] = 0


class LeftTeam(Model):
    """Answer of `leave_team`."""

    team: Annotated[str | None, Field(description="None: this host was in none")] = None
    dropped: Annotated[int, Field(description="Changes that the team never got")] = 0
