"""Figures of a period, with long numbers, as pages and answers show them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mcp_learning.models.results import Change, FailurePattern, Totals, Trend

ID = UUID("01a205cd-bc2b-7552-b855-cb78666bdacf")
MOMENT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
FIGURES: dict[str, Any] = {
    "executions": 12_345,
    "success": 10_000,
    "failure": 2_000,
    "pending": 345,
    "success_rate": 0.8333,
    "interval_low": 0.8152,
    "interval_high": 0.8503,
    "duration_p50": 61.25,
    "duration_p95": 7_200.5,
    "cost_usd": 1_234.5678,
    "cost_predictions": 900,
    "cost_error": 0.2512,
    "cost_bias": -0.1234,
}
CHANGE = Change(
    direction="worse",
    change=-0.2012,
    change_low=-0.3123,
    change_high=-0.0834,
    before=0.7012,
    before_executions=1_500,
)
TREND = Trend(
    previous=Totals(**FIGURES),
    success_rate_change=0.0123,
    change_low=0.0012,
    change_high=0.0234,
    direction="better",
)


def failures_of(pattern: str, fix: str, *, error_type: str, examples: int = 1) -> FailurePattern:
    """Seven failures alike, and what ended them."""
    return FailurePattern(
        pattern=pattern,
        error_type=error_type,
        failures=7,
        fixed=3,
        last_seen=MOMENT,
        task_ids=[ID] * examples,
        fix=fix,
        fix_task_id=ID,
        fix_basis="same task",
    )
