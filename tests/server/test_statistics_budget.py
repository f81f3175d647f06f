"""The budget of learning_stats: what is cut, in which order, and that it is said."""

import pytest
from server.figures import CHANGE, FIGURES, MOMENT, TREND, failures_of

from mcp_learning.models.health import Health, IndexHealth, Member
from mcp_learning.models.requests import LearningStats
from mcp_learning.models.results import Group, Stats, Totals
from mcp_learning.server.answers import structured, tokens
from mcp_learning.server.statistics import stats

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
    fix = "start the database first " * 300
    pattern = failures_of("the suite failed " * 60, fix, error_type="crash", examples=10)
    return Stats(
        days=30,
        group_by="approach",
        totals=Totals(**FIGURES),
        groups=[
            Group(key=f"a long label of what was tried, number {number}", trend=CHANGE, **FIGURES)
            for number in range(groups)
        ],
        groups_omitted=4,
        trend=TREND,
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
