"""The budget of learning_stats: what is cut, in which order, and that it is said."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from mcp_learning.models.health import Health, IndexHealth, Member
from mcp_learning.models.requests import LearningStats
from mcp_learning.models.results import Change, FailurePattern, Group, Stats, Totals, Trend
from mcp_learning.server.answers import structured, tokens
from mcp_learning.server.statistics import stats

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
MEMBER = Member(pid=12_345, since=MOMENT, version="0.1.0")
HEALTH = Health(
    embedder="a-model-with-a-long-name-v2",
    index=IndexHealth(
        state="ready",
        rows=100_000,
        newer_rows=1_000,
        bytes=123_456_789,
        built_at=MOMENT,
        age_seconds=12_345,
        preset="balanced",
        m=16,
        ef_construction=100,
        recall_at_10=0.9876,
    ),
    rows=100_000,
    embedded=99_000,
    pending=1_000,
    schema_version=7,
    database_bytes=123_456_789,
    owner_pid=12_345,
    version="0.1.0",
    leader=MEMBER,
    followers=[MEMBER] * 2,
)


def full(groups: int = 15, failures: int = 5) -> Stats:
    """All that an answer can say, with long texts."""
    pattern = FailurePattern(
        pattern="the suite failed " * 60,
        error_type="crash",
        failures=7,
        fixed=3,
        last_seen=MOMENT,
        task_ids=[ID] * 10,
        fix="start the database first " * 300,
        fix_task_id=ID,
        fix_basis="same task",
    )
    return Stats(
        days=30,
        group_by="approach",
        totals=Totals(**FIGURES),
        groups=[
            Group(key=f"a long label of what was tried, number {number}", trend=CHANGE, **FIGURES)
            for number in range(groups)
        ],
        groups_omitted=4,
        trend=Trend(
            previous=Totals(**FIGURES),
            success_rate_change=0.0123,
            change_low=0.0012,
            change_high=0.0234,
            direction="better",
        ),
        failures=[pattern] * failures,
        other_failures=2,
        health=HEALTH,
    )


@pytest.mark.parametrize("max_tokens", [1_000, 2_000, 3_000, 50_000])
def test_statistics_stay_within_their_budget_and_count_what_was_cut(max_tokens: int) -> None:
    whole = full()

    cut, text = stats(whole, LearningStats(max_tokens=max_tokens))

    assert tokens(structured(cut), text) <= max_tokens
    assert cut.groups == whole.groups[: len(cut.groups)]
    assert len(cut.groups) + cut.groups_omitted == 15 + 4
    assert 7 * len(cut.failures) + cut.other_failures == 7 * 5 + 2
    assert f"- and {19 - text.count('- approach ')} more." in text
    assert f"{37 - 7 * text.count('Failed 7 times')} further failures of other kinds." in text
    everything = len(cut.groups) == 15 and len(cut.failures) == 5
    assert cut.truncated == (not everything)
    assert cut.truncated == ("left out to stay within max_tokens" in text)
    assert everything == (max_tokens == 50_000)


def test_a_rate_says_of_how_many_it_is_where_some_are_pending_and_what_they_are_worth() -> None:
    whole = full(1, 0)
    _, text = stats(whole, LearningStats(max_tokens=50_000))
    assert text.startswith("12,345 executions in 30 days, 83% of 12,000 succeeded (90 % interval")
    weighed = whole.totals.model_copy(update={"pending": 0, "effective_n": 1_234_567.8})
    _, text = stats(whole.model_copy(update={"totals": weighed}), LearningStats())
    assert "83% succeeded" in text
    assert "by confidence worth 1,234,568 outcomes" in text


def test_a_usual_budget_leaves_groups_and_failures() -> None:
    cut, _ = stats(full(), LearningStats())
    assert len(cut.groups) >= 3
    assert len(cut.failures) >= 1


def test_what_changed_is_told_also_of_groups_that_were_cut() -> None:
    _, text = stats(full(), LearningStats(max_tokens=1_000))
    assert "Getting worse: approach" in text


def test_statistics_that_fit_are_whole() -> None:
    cut, text = stats(full(2, 0), LearningStats(max_tokens=50_000))
    assert (len(cut.groups), cut.truncated) == (2, False)
    assert "left out" not in text
