"""learning_stats against executions made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from learn.examples import execute, record

from mcp_learning.learn.identifiers import uuid7
from mcp_learning.learn.service import LearningService
from mcp_learning.models.requests import GroupBy, LearningStats
from mcp_learning.models.results import Execution
from mcp_learning.store import bulk

pytestmark = pytest.mark.anyio


async def put(service: LearningService, days_ago: float, count: int = 1, **values: Any) -> None:
    """Stores executions of the past."""
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    given = {"task_type": "bug_fix", "task_description": "some task", "outcome": "success"} | values
    made = [
        Execution(task_id=uuid7(), recorded_at=moment, updated_at=moment, **given)
        for _ in range(count)
    ]
    await service._database.write(lambda c: bulk.insert(c, made, [7] * count))


async def groups(service: LearningService, by: GroupBy, **arguments: Any) -> dict[str, int]:
    stats = await service.stats(LearningStats(group_by=by, **arguments))
    return {group.key: group.executions for group in stats.groups}


async def test_totals_count_outcomes_durations_and_costs(service: LearningService) -> None:
    for second in range(1, 16):
        await put(service, 1, duration_seconds=second, cost_usd=0.5)
    for second in range(16, 21):
        await put(service, 2, outcome="failure", duration_seconds=second, error_type="crash")
    await put(service, 3, outcome="pending", count=4)
    await put(service, 31, count=7)

    totals = (await service.stats(LearningStats(days=30))).totals

    assert (totals.executions, totals.success, totals.failure, totals.pending) == (24, 15, 5, 4)
    assert totals.success_rate == 0.75
    assert (totals.interval_low, totals.interval_high) == (0.5678, 0.8726)  # Wilson, 90 %, 15 of 20
    assert totals.duration_p50 == pytest.approx(10.5)
    assert totals.duration_p95 == pytest.approx(19.05)
    assert totals.cost_usd == pytest.approx(7.5)


async def test_an_empty_database_has_no_rate(service: LearningService) -> None:
    stats = await service.stats(LearningStats())
    assert stats.totals.executions == 0
    assert stats.totals.success_rate is None
    assert (stats.groups, stats.groups_omitted) == ([], 0)
    assert stats.trend.direction == "unclear"


async def test_groups_come_largest_first_and_only_for_given_values(
    service: LearningService,
) -> None:
    await put(service, 1, repo="a", approach="x", model_tier="m", pool_type="p", count=2)
    await put(service, 2, repo="b", approach="x", outcome="failure", error_type="timeout", count=3)
    await put(service, 3, task_type="docs")

    assert list((await groups(service, "repo")).items()) == [("b", 3), ("a", 2)]
    assert await groups(service, "task_type") == {"bug_fix": 5, "docs": 1}
    assert await groups(service, "approach") == {"x": 5}
    assert await groups(service, "model_tier") == {"m": 2}
    assert await groups(service, "pool_type") == {"p": 2}
    assert await groups(service, "error_type") == {"timeout": 3}
    assert await groups(service, "task_type", repo="a") == {"bug_fix": 2}
    by_repo = (await service.stats(LearningStats(group_by="repo"))).groups
    assert [(group.success, group.failure) for group in by_repo] == [(0, 3), (2, 0)]


async def test_days_are_utc_newest_first(service: LearningService) -> None:
    today = datetime.now(UTC)
    for days in (0, 2, 2, 5):
        await put(service, days)

    expected = [
        ((today - timedelta(days=days)).strftime("%Y-%m-%d"), n)
        for days, n in ((0, 1), (2, 2), (5, 1))
    ]
    assert list((await groups(service, "day")).items()) == expected


async def test_more_groups_than_fit_are_counted(service: LearningService) -> None:
    for number in range(53):
        await put(service, 1, repo=f"repo-{number}")

    stats = await service.stats(LearningStats(group_by="repo"))

    assert (len(stats.groups), stats.groups_omitted) == (50, 3)


@pytest.mark.parametrize(
    ("now", "before", "direction", "change"),
    [
        ((19, 1), (5, 15), "better", 0.7),
        ((5, 15), (19, 1), "worse", -0.7),
        ((11, 9), (9, 11), "unclear", 0.1),
        ((3, 0), (0, 0), "unclear", None),
        ((0, 0), (3, 0), "unclear", None),
    ],
)
async def test_the_trend_compares_with_the_period_before(
    now: tuple[int, int],
    before: tuple[int, int],
    direction: str,
    change: float | None,
    service: LearningService,
) -> None:
    for days_ago, (success, failure) in ((3, now), (13, before)):
        if success + failure:
            await put(service, days_ago, count=success)
            await put(service, days_ago, outcome="failure", count=failure)
    await put(service, 25, outcome="failure", count=30)  # older than both periods

    trend = (await service.stats(LearningStats(days=10))).trend

    assert trend.direction == direction
    assert trend.success_rate_change == (None if change is None else pytest.approx(change))
    assert (trend.previous.success, trend.previous.failure) == before


async def test_health_counts_what_is_there(service: LearningService) -> None:
    await record(service)
    await service.ready()
    await execute(service, "DELETE FROM embeddings")
    await record(service, "another task")

    health = (await service.stats(LearningStats())).health

    assert (health.rows, health.embedded, health.pending) == (2, 0, 2)
    assert health.database_bytes > 0
    assert health.schema_version >= 1
    assert health.embedder_state == "ready"
