"""Which of a team's executions this host holds, by its settings."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mcp_learning.settings import Settings, TeamReplica
from mcp_learning.store.shared import Part

MOST_FETCHED = 10_000
"""Most executions that stay after they were fetched for a question: 30 MB."""

SHARE_FETCHED = 4
"""If fetched executions displace others, at most one in four is a fetched one: the others are the
sample to estimate document frequencies from."""


@dataclass(frozen=True)
class Holding:
    """The executions that this host holds.

    Attributes:
        replica: Whose executions.
        most: Most executions, >= 1.
        days: Greatest age in days; None: any age.
    """

    replica: TeamReplica
    most: int
    days: int | None

    @classmethod
    def of(cls, settings: Settings) -> "Holding":
        """The holding that the settings describe."""
        return cls(
            settings.team_replica, settings.team_replica_max_rows, settings.team_replica_days
        )

    @property
    def name(self) -> str:
        """Identifies the holding, also in the database; empty for the default."""
        if self == _BY_DEFAULT:
            return ""
        age = "" if self.days is None else f", {self.days} days"
        return f"{self.replica}, {self.most} rows{age}"

    def is_whole(self, changes: int) -> bool:
        """Whether this host holds all executions of a team with this many changes."""
        return self.replica == "all" and self.days is None and changes <= self.most

    def part(self, role: str) -> Part:
        """The part that is to be held now by a host with this role."""
        author = {"all": None, "own": role, "none": ""}[self.replica]
        since = None if self.days is None else datetime.now(UTC) - timedelta(days=self.days)
        room = self.most // SHARE_FETCHED if self.replica == "all" else self.most
        return Part(author, since, self.most, min(MOST_FETCHED, room))


_BY_DEFAULT = Holding("all", Settings.model_fields["team_replica_max_rows"].default, None)
