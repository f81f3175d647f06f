"""Finds the executions of the tasks to which lessons were shown, or from which they were withheld.

An agent that asks gives no id of an execution. The one that it records later is found by the
session, by the same description, or by mostly the same words. The rule is the same on both sides of
a trial, so that it biases neither.
"""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from mcp_learning.lessons.refusals import same_repository
from mcp_learning.lessons.wording import jaccard
from mcp_learning.store.lesson_protocol import Experience, Showing

WITHIN = timedelta(days=7)
"""Longest time between a showing and the record of its task."""

EARLY = timedelta(hours=12)
"""How long before the showing the execution may have begun: records have the time of the start."""

SAME_TASK = 0.5
"""Least Jaccard index of the words of a question and a description that are of one task."""


def links(
    showings: Sequence[Showing], experience: Sequence[Experience]
) -> dict[tuple[UUID, str], UUID]:
    """The executions that were found among those given, oldest first, by lesson and unit."""
    times = [one.recorded_at for one in experience]
    found: dict[tuple[UUID, str], UUID] = {}
    of_task: dict[tuple[str, int], UUID | None] = {}
    for one in showings:
        task = one.unit, one.task_key
        if task not in of_task:
            first = bisect_left(times, one.shown_at - EARLY)
            after = bisect_left(times, one.shown_at + WITHIN)
            of_task[task] = _execution(one, experience[first:after])
        if (task_id := of_task[task]) is not None:
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
    return jaccard(showing.question, one.description) >= SAME_TASK
