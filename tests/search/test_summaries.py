"""Cached summaries of executions: bounded in size, and used only while they are current."""

from uuid import UUID

from store.rows import execution

from mcp_learning.models.results import ExecutionSummary
from mcp_learning.search.summaries import Summaries
from mcp_learning.store.types import Shown


def shown(number: int = 1, length: int = 10) -> Shown:
    row = execution(task_description="x" * length).model_dump()
    return Shown(number, **{name: row[name] for name in ExecutionSummary.model_fields})


def test_what_was_kept_is_known_by_its_change_number() -> None:
    summaries = Summaries()
    one = shown(7)
    summaries.keep([one])
    assert summaries.known([7, 8]) == {7: one}


def test_an_execution_that_was_read_again_takes_the_place_of_its_earlier_state() -> None:
    summaries = Summaries()
    one = shown(7)
    newer = shown(8, 20)._replace(task_id=one.task_id)
    summaries.keep([one])
    summaries.keep([newer])
    assert summaries.known([7, 8]) == {8: newer}
    assert len(summaries) == 1


def test_what_was_dropped_is_not_known_and_may_never_have_been() -> None:
    summaries = Summaries()
    gone, kept = shown(1), shown(2)
    summaries.keep([gone, kept])
    summaries.drop([gone.task_id, gone.task_id, UUID(int=1)])
    assert gone.task_id not in summaries
    assert summaries.known([1, 2]).keys() == {2}


def test_the_least_recently_shown_goes_first() -> None:
    summaries = Summaries(limit=2)
    summaries.keep([shown(1), shown(2)])
    summaries.known([1])
    summaries.keep([shown(3)])
    assert summaries.known([1, 2, 3]).keys() == {1, 3}


def test_what_is_kept_is_bounded_by_its_length() -> None:
    summaries = Summaries(characters=1_000)
    rows = [shown(number, 400) for number in (1, 2, 3)]
    summaries.keep(rows)
    assert summaries.known([1, 2, 3]).keys() == {2, 3}
    summaries.drop(row.task_id for row in rows)
    summaries.keep(rows)
    assert len(summaries) == 2


def test_nothing_is_known_after_everything_was_removed() -> None:
    summaries = Summaries(characters=1_000)
    summaries.keep([shown(1, 400), shown(2, 400)])
    summaries.clear()
    summaries.keep([shown(2, 400), shown(3, 400)])
    assert summaries.known([1, 2, 3]).keys() == {2, 3}
