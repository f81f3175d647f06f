"""Steps of time, and success rates of as many of them as say something."""

from datetime import UTC, datetime, timedelta

import pytest

from mcp_learning.insights.timeline import LEAST_OUTCOMES, rate_points, step_for
from mcp_learning.models.listed import Bucket

START = datetime(2025, 6, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "executions", "step"),
    [
        (1, 1_000, "hour"),
        (3, 5, "hour"),  # coarser, there would be three bars
        (30, 1_000, "day"),
        (30, 5, "day"),
        (100, 1_000, "day"),
        (100, 300, "week"),  # three a day would be noise
        (500, 100_000, "week"),
        (500, 300, "month"),
        (5_000, 1_000_000, "month"),
    ],
)
def test_steps_are_coarser_where_few_executions_would_share_one(
    days: int, executions: int, step: str
) -> None:
    assert step_for(START, START + days * DAY, executions) == step


def day(number: int, success: int, failure: int = 0, pending: int = 0) -> Bucket:
    start = START + number * DAY
    return Bucket(start=start, success=success, failure=failure, pending=pending)


def test_neighbours_are_pooled_until_there_are_enough_outcomes() -> None:
    days = [day(0, 15, 4), day(1, 0, 2, 9), day(4, 30), day(5, 10, 9), day(6, 1, 1), day(9, 3)]
    points = rate_points(days, "day")
    assert [(one.success, one.failure) for one in points] == [(15, 6), (30, 0), (14, 10)]
    assert [(one.start, one.end) for one in points] == [
        (START, START + 2 * DAY),
        (START + 4 * DAY, START + 5 * DAY),
        (START + 5 * DAY, START + 10 * DAY),
    ]
    for one in points:
        assert one.success + one.failure >= LEAST_OUTCOMES
        assert one.interval_low <= one.success_rate <= one.interval_high
        assert one.start <= one.middle < one.end


def test_without_an_outcome_there_is_no_point() -> None:
    assert rate_points([], "day") == []
    assert rate_points([day(0, 0, 0, 40)], "day") == []
    (only,) = rate_points([day(0, 1), day(1, 0, 0, 3)], "day")
    assert (only.success, only.failure, only.success_rate) == (1, 0, 1.0)
