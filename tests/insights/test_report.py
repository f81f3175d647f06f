"""Reports from figures: which comparisons are made, and what they say."""

from datetime import timedelta

from store.rows import NOW

from mcp_learning.insights.failures import FailurePatterns
from mcp_learning.insights.report import Figures, Groups, compare_groups, contrast, make_insights
from mcp_learning.store.types import Endings, Measures, Pairing, Period


def measures(success: int, failure: int) -> Measures:
    return Measures(success + failure, success, failure, 0, None, None, None)


NOTHING = FailurePatterns([], 0)


def test_a_group_is_compared_with_itself_and_a_new_one_with_nothing() -> None:
    rows = [("old", measures(10, 90)), ("new", measures(5, 5))]
    groups = Groups(rows, 0, before={"old": Endings(90, 10)})
    figures = Figures(measures(15, 95), measures(90, 10), {"approach": groups})
    old, new = compare_groups(figures)
    assert old.group.trend is not None
    assert old.group.trend.direction == "worse"
    assert new.group.trend is None


def test_more_of_an_error_is_worse_although_all_of_them_failed() -> None:
    groups = Groups([("timeout", measures(0, 80))], 0, before={"timeout": Endings(0, 10)})
    figures = Figures(measures(20, 80), measures(90, 10), {"error_type": groups})
    (shift,) = compare_groups(figures)
    assert shift.group.trend is not None
    assert shift.group.trend.direction == "worse"


def test_an_error_that_is_recorded_while_figures_are_read_does_no_harm() -> None:
    """Totals are read first: a group may count what they don't."""
    groups = Groups([("timeout", measures(0, 3))], 0, before={"timeout": Endings(0, 2)})
    figures = Figures(measures(0, 2), measures(0, 1), {"error_type": groups})
    (shift,) = compare_groups(figures)
    assert shift.group.trend is not None
    assert shift.group.trend.direction == "unclear"


def test_approaches_are_sorted_by_what_they_gain() -> None:
    pairings = [
        Pairing("a", "poor", Endings(1, 9), Endings(9, 1)),
        Pairing("a", "good", Endings(9, 1), Endings(1, 9)),
        Pairing("b", "alone", Endings(3, 3), Endings(0, 0)),
    ]
    assert [one.approach for one in contrast(pairings)] == ["good", "poor"]


def test_insights_name_thin_groups_and_leave_out_error_types() -> None:
    thin, sure = (
        Groups([("few", measures(2, 2))], 0, {}),
        Groups([("many", measures(90, 10))], 0, {}),
    )
    errors = Groups([("timeout", measures(0, 2))], 0, {})
    figures = Figures(
        measures(92, 12), measures(0, 0), {"task_type": sure, "repo": thin, "error_type": errors}
    )
    page = make_insights(NOW - timedelta(days=90), NOW, figures, [], NOTHING)
    assert [(one.group_by, one.key) for one in page.thin] == [("repo", "few")]
    assert [group.key for group in page.task_types] == ["many"]


def test_the_period_before_is_as_long_and_ends_where_this_one_begins() -> None:
    period = Period.last_days(7, NOW, repo="a", task_type="b")
    clock_of_another_host = NOW + timedelta(minutes=5)
    assert period.since < NOW < clock_of_another_host < period.until
    before = period.before
    assert (before.until, before.repo, before.task_type) == (period.since, "a", "b")
    assert before.until - before.since == period.until - period.since == timedelta(days=7)
