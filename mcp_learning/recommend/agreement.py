"""How outcomes that agents told agree with verdicts of other sources on the same executions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_learning.insights.rates import wilson_interval
from mcp_learning.store.past_run import PastRun


@dataclass(frozen=True)
class Agreement:
    """Numbers of executions with both a told and an observed outcome.

    Attributes:
        both_success: Told and observed as successes.
        both_failure: Told and observed as failures.
        told_success: Told as successes, observed as failures.
        told_failure: Told as failures, observed as successes.
    """

    both_success: int
    both_failure: int
    told_success: int
    told_failure: int

    @property
    def executions(self) -> int:
        """Number of these executions."""
        return self.both_success + self.both_failure + self.told_success + self.told_failure

    @property
    def rate(self) -> float:
        """Share of them that agree, 0..1; needs at least one."""
        return (self.both_success + self.both_failure) / self.executions

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the rate."""
        return wilson_interval(self.both_success + self.both_failure, self.executions)

    def as_json(self) -> dict[str, int | float]:
        """The same as JSON values."""
        low, high = self.interval
        return {
            "both_success": self.both_success,
            "both_failure": self.both_failure,
            "told_success_observed_failure": self.told_success,
            "told_failure_observed_success": self.told_failure,
            "rate": round(self.rate, 4),
            "interval_low": round(low, 4),
            "interval_high": round(high, 4),
        }


def agreement(past: Sequence[PastRun]) -> Agreement | None:
    """The agreement in a history; None if no execution has both outcomes."""
    pairs = Counter((run.success, run.observed) for run in past if run.observed is not None)
    if not pairs:
        return None
    return Agreement(pairs[True, True], pairs[False, False], pairs[True, False], pairs[False, True])
