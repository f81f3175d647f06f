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
    role: Annotated[
        str | None, Field(description="This host's database role; None: not connected yet")
    ] = None
    waiting: Annotated[int, Field(description="Local changes that the team doesn't have yet")]
    waiting_since: datetime | None = None
    known: Annotated[
        int | None,
        Field(description="Number of the team's last change applied here; None: never connected"),
    ] = None
    behind: Annotated[
        int | None, Field(description="The team's changes not applied here, at the last contact")
    ] = None
    held: Annotated[int | None, Field(description="The team's executions held locally")] = None
    there: Annotated[
        int | None, Field(description="The team's executions; None: this host is to hold them all")
    ] = None
    beyond: Annotated[
        str | None, Field(description="What the last search of those not held lacked")
    ] = None
    last_contact: datetime | None = None
    problem: str | None = None

    @property
    def waits(self) -> str:
        """How many local changes wait for the team, and since when, in words."""
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
        """How many of the team's executions are held, and what a search of the others lacked.

        Empty if all are held.
        """
        if self.held is None or self.there is None or self.held >= self.there:
            return ""
        told = f"{self.held:,} of its {counted(self.there, 'execution')} are here"
        return f"{told}; {self.beyond}" if self.beyond else told


class ExchangeWithTeam(Request):
    """Arguments of `exchange`; `fill`: first add what was recorded before sharing began."""

    direction: Literal["both", "push", "pull"] = "both"
    fill: bool = False


class Exchanged(Model):
    """Answer of `exchange`."""

    added: Annotated[int, Field(description="Earlier executions queued for the team")] = 0
    pushed: Annotated[int, Field(description="Changes sent to the team")] = 0
    pulled: Annotated[int, Field(description="Executions created or changed here")] = 0
    forgotten: Annotated[int, Field(description="Executions deleted here")] = 0


class LeftTeam(Model):
    """Answer of `leave_team`."""

    team: Annotated[str | None, Field(description="None: this host was in no team")] = None
    dropped: Annotated[int, Field(description="Changes that were never sent to the team")] = 0
