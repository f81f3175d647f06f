"""What is said in a sentence: only what is sure, the most useful first."""

from datetime import UTC, datetime
from uuid import UUID

from mcp_learning.insights.findings import MOST, findings
from mcp_learning.models.dashboard import ApproachComparison, Rate, RecallUse
from mcp_learning.models.results import Change, Direction, FailurePattern

FAILED, FIXED = UUID(int=1), UUID(int=2)


def change(direction: Direction, by: float, least: float) -> Change:
    low, high = sorted((least, 2 * by - least))
    return Change(
        direction=direction,
        change=by,
        change_low=low,
        change_high=high,
        before=0.5,
        before_executions=90,
    )


def approach(name: str, direction: Direction, by: float, least: float) -> ApproachComparison:
    return ApproachComparison(
        task_type="bug_fix",
        approach=name,
        success=30,
        failure=10,
        success_rate=0.75,
        interval_low=0.6,
        interval_high=0.85,
        against_others=change(direction, by, least),
    )


def failure(**values: object) -> FailurePattern:
    given = {"pattern": "no answer", "failures": 1_200, "fixed": 3, "task_ids": [FAILED]}
    seen = {"last_seen": datetime(2025, 6, 1, tzinfo=UTC)}
    return FailurePattern.model_validate(given | seen | values)


NO_USE = RecallUse(
    returned=0,
    recalled=0,
    links=0,
    with_use=Rate(success=0, failure=0),
    without_use=Rate(success=0, failure=0),
    most_used=[],
)


def test_the_surest_approaches_and_the_commonest_failure_come_first() -> None:
    approaches = [
        approach("wide", "better", 0.4, 0.05),
        approach("sure", "better", 0.25, 0.2),
        approach("bad", "worse", -0.3, -0.1),
        approach("who knows", "unclear", 0.5, -0.2),
    ]
    found = findings(approaches, [failure(fix="ask\nagain", fix_task_id=FIXED)], NO_USE)
    assert [(one.approach, one.task_id) for one in found] == [
        ("sure", None),
        ("bad", None),
        (None, FIXED),
    ]
    assert found[0].text == (
        "In bug_fix, “sure” succeeded in 75 % of 40 executions, "
        "25 percentage points more often than the other approaches."
    )
    assert "30 percentage points less often" in found[1].text
    assert found[2].text == (
        "The commonest failure, 1,200 times: “no answer”. What ended it: ask again"
    )


def test_what_may_be_chance_is_not_told_as_a_difference() -> None:
    (failed, unsure) = findings([approach("a", "unclear", 0.5, -0.2)], [failure()], NO_USE)
    assert failed.task_id == FAILED
    assert "none is surely better or worse" in unsure.text


def test_the_use_of_recalls_is_told_when_it_is_sure() -> None:
    used = NO_USE.model_copy(
        update={
            "with_use": Rate(success=90, failure=10, success_rate=0.9),
            "without_use": Rate(success=600, failure=400, success_rate=0.6),
            "difference": change("better", 0.3, 0.2),
        }
    )
    (only,) = findings([], [], used)
    assert only.text.endswith(
        "succeeded 30 percentage points more often (90 % of 100 against 60 % of 1,000)."
    )
    unclear = used.model_copy(update={"difference": change("unclear", 0.3, -0.1)})
    assert findings([], [], unclear) == []


def test_long_texts_and_many_findings_are_cut() -> None:
    many = [approach("x" * 200, "better", 0.2, 0.1) for _ in range(9)]
    found = findings(many, [failure(pattern="y" * 200, fix="z" * 900)], NO_USE)
    assert len(found) == MOST
    assert max(len(one.text) for one in found) < 400
