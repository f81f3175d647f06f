"""Compares options on one task."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from mcp_learning.recommend.estimate import Estimate, estimate
from mcp_learning.recommend.gather import Comparison, Gathered, gather
from mcp_learning.recommend.history import EndedExecutions, HistoryCache
from mcp_learning.search.found import Related
from mcp_learning.search.scorer import Query
from mcp_learning.store.types import Vote


@dataclass(frozen=True)
class Compared:
    """The options for a task, as a recommendation compares them.

    Attributes:
        gathered: The evidence.
        estimate: The rates estimated from it.
        history: All executions that have ended.
    """

    gathered: Gathered
    estimate: Estimate
    history: EndedExecutions

    @property
    def order(self) -> list[int]:
        """The options, best first, but those used for tasks of this type before others.

        Options that are worse than the best one with sufficient probability come last.
        """
        unused = self.gathered.used < 0.5  # used with a probability of less than one half
        found = self.estimate
        return sorted(found.order.tolist(), key=lambda one: (bool(found.worse[one]), unused[one]))


def compare(
    related: Related,
    query: Query,
    comparison: Comparison,
    votes: Mapping[UUID, Vote],
    half_life_days: float,
    histories: HistoryCache,
) -> Compared:
    """Compares options for a task.

    Deterministic: the same data, task and `query.now` give the same result.

    Args:
        related: Executions and their similarities to the task at hand.
        query: The task at hand, without filters.
        comparison: What to compare, and for which repository and type of task.
        votes: Votes for and against executions.
        half_life_days: Age at which evidence counts half, in days.
        histories: The cache of histories of the same rows.
    """
    history = histories.of(related.snapshot, comparison.by, query.noise)
    gathered = gather(related, query, comparison, votes, half_life_days, history)
    options = len(gathered.names)
    found = estimate(gathered.evidence, gathered.background, options, history.learned)
    return Compared(gathered, found, history)
