"""learning_stats against executions made by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from service.examples import EXPORT, LOGIN, execute, record

from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.requests import GroupBy, LearningStats
from mcp_learning.models.results import Execution
from mcp_learning.server import statistics
from mcp_learning.server.insights import page
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio


async def put(service: LearningService, days_ago: float, count: int = 1, **values: Any) -> None:
    """Stores executions of the past."""
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    given = {"task_type": "bug_fix", "task_description": "some task", "outcome": "success"} | values
    made = [
        Execution(task_id=uuid7(), recorded_at=moment, updated_at=moment, **given)
        for _ in range(count)
    ]
    await service.store.insert_many(made)


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
    assert await groups(service, "repo", task_type="bug_fix") == {"b": 3, "a": 2}
    assert await groups(service, "repo", task_type="docs") == {}
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

    assert (len(stats.groups), stats.groups_omitted) == (15, 38)


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


async def test_a_group_is_compared_with_itself_before(service: LearningService) -> None:
    for repo, now, before in (("up", (28, 2), (10, 20)), ("down", (9, 21), (27, 3))):
        for days_ago, (success, failure) in ((3, now), (13, before)):
            await put(service, days_ago, success, repo=repo)
            await put(service, days_ago, failure, repo=repo, outcome="failure")
    await put(service, 2, 20, repo="new")
    for days_ago in (2, 12):
        await put(service, days_ago, 4, repo="same")
        await put(service, days_ago, repo="same", outcome="failure")

    stats = await service.stats(LearningStats(days=10, group_by="repo"))

    trends = {group.key: group.trend for group in stats.groups}
    assert {key: trend and trend.direction for key, trend in trends.items()} == {
        "up": "better",
        "down": "worse",
        "new": None,
        "same": "unclear",
    }
    up = trends["up"]
    assert up is not None
    assert (up.change, up.before, up.before_executions) == (0.6, 0.3333, 30)
    assert 0 < up.change_low < 0.6 < up.change_high < 1


async def test_an_error_that_happens_more_often_is_worse(service: LearningService) -> None:
    for days_ago, timeouts, crashes in ((3, 30, 2), (13, 3, 30)):
        await put(service, days_ago, 60)
        await put(service, days_ago, timeouts, outcome="failure", error_type="timeout")
        await put(service, days_ago, crashes, outcome="failure", error_type="crash")

    stats = await service.stats(LearningStats(days=10, group_by="error_type"))

    trends = {group.key: group.trend for group in stats.groups}
    timeout, crash = trends["timeout"], trends["crash"]
    assert timeout is not None
    assert crash is not None
    assert (timeout.direction, crash.direction) == ("worse", "better")
    assert timeout.change == pytest.approx(30 / 92 - 3 / 93, abs=1e-4)
    by_day = await service.stats(LearningStats(days=10, group_by="day"))
    assert [group.trend for group in by_day.groups] == [None]


async def test_estimates_are_compared_with_what_was_paid(service: LearningService) -> None:
    for estimate, cost in ((1.0, 2.0), (2.0, 1.0), (1.0, 2.0), (0.0, 3.0), (1.0, None)):
        await put(service, 1, cost_estimate=estimate, cost_usd=cost, approach="x")

    stats = await service.stats(LearningStats(group_by="approach"))

    for figures in (stats.totals, stats.groups[0]):
        assert (figures.cost_predictions, figures.cost_error, figures.cost_bias) == (3, 1.0, 1.0)


async def test_failures_are_grouped_and_come_with_what_ended_them(service: LearningService) -> None:
    for days_ago, port in ((9, 5432), (8, 6379), (7, 80)):
        text = f"connect ECONNREFUSED 10.0.0.{port}"
        await put(
            service, days_ago, outcome="failure", error_message=text, repo="a", error_type="crash"
        )
    await put(service, 6, solution_summary="start the database first", repo="a")
    await put(service, 5, outcome="failure", error_message="disk 3 is full", repo="b")

    stats = await service.stats(LearningStats())

    refused, full = stats.failures
    assert (refused.pattern, refused.failures, refused.fixed) == ("connect ECONNREFUSED <n>", 3, 3)
    assert (refused.fix, refused.fix_basis) == ("start the database first", "same task")
    assert refused.error_type == "crash"
    assert len(refused.task_ids) == 3
    assert (full.pattern, full.failures, full.fixed) == ("disk <n> is full", 1, 0)
    assert (full.fix, full.fix_task_id, full.fix_basis) == (None, None, None)
    assert stats.other_failures == 0
    text = statistics.stats(stats, LearningStats())[1]
    assert "Failed 3 times" in text
    assert 'fix: "start the database first"' in text
    assert "no fix known" in text


async def test_a_similar_task_tells_what_worked_where_the_same_one_never_did(
    service: LearningService,
) -> None:
    values = {"repo": "acme/shop", "error_message": "cookie is gone"}
    await record(service, LOGIN, outcome="failure", **values)
    await record(service, EXPORT, repo="acme/shop", solution_summary="stream the rows")
    await record(
        service,
        "Fix the login redirect loop when the session expired",
        repo="acme/shop",
        solution_summary="expire the cookie with the session",
    )
    await service.ready()

    (pattern,) = (await service.stats(LearningStats())).failures

    assert (pattern.fix, pattern.fix_basis) == (
        "expire the cookie with the session",
        "similar task",
    )
    assert pattern.fixed == 0


async def test_a_long_fix_is_cut(service: LearningService) -> None:
    await put(service, 2, outcome="failure", error_message="disk 3 is full", repo="b")
    await put(service, 1, solution_summary=f"delete {'logs, ' * 200}", repo="b")

    (pattern,) = (await service.stats(LearningStats())).failures

    assert pattern.fix is not None
    assert pattern.fix.startswith("delete logs")
    assert len(pattern.fix) == 600


async def test_many_kinds_of_failures_are_counted_beyond_those_shown(
    service: LearningService,
) -> None:
    for number, letter in enumerate("abcdefgh", 1):
        await put(service, 1, number, outcome="failure", error_message=letter * 4)

    stats = await service.stats(LearningStats())

    assert [pattern.pattern[0] for pattern in stats.failures] == list("hgfed")
    assert stats.other_failures == 1 + 2 + 3


async def test_insights_name_what_differs_and_what_is_too_thin(service: LearningService) -> None:
    for days_ago in (10, 100):
        await put(service, days_ago, 40, approach="test first", repo="steady")
        await put(service, days_ago, 4, approach="test first", outcome="failure", repo="steady")
        await put(service, days_ago, 10, approach="guess", model_tier="large")
        lost = {"approach": "guess", "outcome": "failure", "model_tier": "large"}
        await put(service, days_ago, 30, error_message="wrong guess", **lost)
    await put(service, 100, 40, repo="sinking")
    await put(service, 10, 40, repo="sinking", outcome="failure", error_type="crash")
    await put(service, 5, 3, repo="tiny")

    found = await service.insights()

    assert [(c.task_type, c.approach) for c in found.works] == [("bug_fix", "test first")]
    assert [(c.task_type, c.approach) for c in found.fails] == [("bug_fix", "guess")]
    assert found.works[0].against_others.before_executions == 40
    assert ("repo", "sinking") in [(s.group_by, s.group.key) for s in found.worse]
    assert ("error_type", "crash") in [(s.group_by, s.group.key) for s in found.worse]
    assert found.better == []
    assert [(t.group_by, t.key, t.ended) for t in found.thin] == [("repo", "tiny", 3)]
    assert {pattern.pattern for pattern in found.failures} == {
        "wrong guess",
        "crash",
        "no error recorded",
    }


@pytest.mark.parametrize(
    "outcomes", [[], ["pending"] * 5, ["success"], ["failure"], ["failure"] * 30]
)
async def test_insights_and_statistics_of_next_to_nothing_claim_nothing(
    outcomes: list[str], service: LearningService
) -> None:
    for outcome in outcomes:
        await put(service, 1, outcome=outcome, approach="x", repo="a")

    found = await service.insights()
    stats = await service.stats(LearningStats(group_by="approach"))

    assert found.totals.executions == stats.totals.executions == len(outcomes)
    assert (found.works, found.fails, found.better, found.worse) == ([], [], [], [])
    assert len(statistics.stats(stats, LearningStats())[1].splitlines()) >= 2
    assert page(found).startswith("# Insights\n")
