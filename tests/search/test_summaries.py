"""What searches show: kept within bounds, and used only as long as the store agrees."""

from uuid import UUID

from store.rows import execution

from mcp_learning.models.results import ExecutionSummary
from mcp_learning.search.summaries import Summaries
from mcp_learning.store.types import Shown


def shown(length: int = 10, number: int = 1) -> tuple[UUID, Shown]:
    row = execution(task_description="x" * length).model_dump()
    known = {name: row[name] for name in ExecutionSummary.model_fields}
    return row["task_id"], Shown(number, ExecutionSummary(**known))


def test_what_was_kept_is_known_as_of_its_change_number_alone() -> None:
    summaries = Summaries()
    task_id, one = shown(number=7)
    summaries.keep({task_id: one})
    assert summaries.known({task_id: 7}) == {task_id: one.summary}
    assert summaries.known({task_id: 8}) == {}


def test_what_was_read_again_takes_the_place_of_the_old_one() -> None:
    summaries = Summaries()
    task_id, one = shown(number=7)
    newer = Shown(8, one.summary.model_copy(update={"approach": "another"}))
    summaries.keep({task_id: one})
    summaries.keep({task_id: newer})
    assert summaries.known({task_id: 8})[task_id].approach == "another"
    assert len(summaries) == 1


def test_what_was_dropped_is_not_known_and_may_never_have_been() -> None:
    summaries = Summaries()
    (gone, one), (kept, other) = shown(), shown()
    summaries.keep({gone: one, kept: other})
    summaries.drop([gone, gone, UUID(int=1)])
    assert gone not in summaries
    assert summaries.known({gone: 1, kept: 1}).keys() == {kept}


def test_the_least_recently_shown_goes_first() -> None:
    summaries = Summaries(limit=2)
    rows = dict([shown(), shown()])
    first, second = rows
    summaries.keep(rows)
    summaries.known({first: 1})
    third, one = shown()
    summaries.keep({third: one})
    assert summaries.known(dict.fromkeys([first, second, third], 1)).keys() == {first, third}


def test_what_is_kept_is_bounded_by_its_length() -> None:
    summaries = Summaries(characters=1_000)
    rows = dict([shown(400), shown(400), shown(400)])
    summaries.keep(rows)
    assert summaries.known(dict.fromkeys(rows, 1)).keys() == set(list(rows)[1:])
    summaries.drop(rows)
    summaries.keep(rows)
    assert len(summaries) == 2
