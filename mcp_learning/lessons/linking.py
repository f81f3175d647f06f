"""Which executions the tasks became that lessons were shown to, or withheld from.

An agent that asks gives no id. The execution that was recorded next is found by the session, by the
very words of the task, or by words that are mostly the same. The rule is the same for tasks to
which a lesson was shown and for the others, so that it favours neither.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.wording import likeness
from mcp_learning.store.lesson_protocol import Experience, Showing

WITHIN = timedelta(days=7)
"""Longest time between a showing and the record of its task."""

EARLY = timedelta(hours=12)
"""A task that began so long before its agent asked may be the one: records have its beginning."""

SAME_TASK = 0.5
"""Likeness of the words of a question and of a record from which they are of one task."""


def links(
    showings: Sequence[Showing], experience: Sequence[Experience]
) -> dict[tuple[UUID, str], UUID]:
    """The execution of each showing whose task is found, by lesson and unit.

    Args:
        showings: Without an execution.
        experience: Oldest first.
    """
    times = [one.recorded_at for one in experience]
    found: dict[tuple[UUID, str], UUID] = {}
    of_unit: dict[str, UUID | None] = {}
    for one in showings:
        if one.unit not in of_unit:
            first = bisect_left(times, one.shown_at - EARLY)
            after = bisect_left(times, one.shown_at + WITHIN)
            of_unit[one.unit] = _execution(one, experience[first:after])
        if (task_id := of_unit[one.unit]) is not None:
            found[one.lesson_id, one.unit] = task_id
    return found


def _execution(showing: Showing, near: Sequence[Experience]) -> UUID | None:
    later = [one for one in near if one.recorded_at >= showing.shown_at]
    if showing.session_id:
        in_session = [one for one in near if one.session_id == showing.session_id]
        same = [one for one in in_session if _is_same(showing, one)]
        if same or len(in_session) == 1:
            return (same or in_session)[-1].task_id
    return next((one.task_id for one in later if _is_same(showing, one)), None)


def _is_same(showing: Showing, one: Experience) -> bool:
    if one.task_key == showing.task_key:
        return True
    if not showing.question or not same_repository(showing.repo, one.repo):
        return False
    return likeness(showing.question, one.description) >= SAME_TASK
