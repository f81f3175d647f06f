"""Holding: what of a team's executions this host is to hold, as its settings say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mcp_learning.settings import Settings, TeamReplica
from mcp_learning.store.shared import Part

MOST_FETCHED = 10_000
"""Executions that stay for the next question, after they were fetched for one: 30 MB."""

SHARE_FETCHED = 4
"""Where others have to go for them, one of so many at most: the others say how rare words are."""


@dataclass(frozen=True)
class Holding:
    """What this host is to hold.

    Attributes:
        replica: Of whom.
        most: How many executions at most, >= 1.
        days: How old they may be; None: any age.
    """

    replica: TeamReplica
    most: int
    days: int | None

    @classmethod
    def of(cls, settings: Settings) -> "Holding":
        """As the settings say."""
        return cls(
            settings.team_replica, settings.team_replica_max_rows, settings.team_replica_days
        )

    @property
    def name(self) -> str:
        """Tells it from others, also in the database; empty for what is held by default."""
        if self == _BY_DEFAULT:
            return ""
        age = "" if self.days is None else f", {self.days} days"
        return f"{self.replica}, {self.most} rows{age}"

    def is_whole(self, changes: int) -> bool:
        """Whether all that a team has after so many changes is held."""
        return self.replica == "all" and self.days is None and changes <= self.most

    def part(self, role: str) -> Part:
        """What is to be held now.

        Args:
            role: Of this host.
        """
        author = {"all": None, "own": role, "none": ""}[self.replica]
        since = None if self.days is None else datetime.now(UTC) - timedelta(days=self.days)
        room = self.most // SHARE_FETCHED if self.replica == "all" else self.most
        return Part(author, since, self.most, min(MOST_FETCHED, room))


_BY_DEFAULT = Holding("all", Settings.model_fields["team_replica_max_rows"].default, None)
