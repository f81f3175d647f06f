"""The life of a lesson: who is shown it, what effect it has, and what becomes of it.

A lesson on trial is shown to a random half of the tasks that it fits, so that both halves differ in
nothing else. The lot of a task depends on the lesson and the task alone: whoever asks twice gets
the same answer, and nothing has to be remembered before it is drawn.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mcp_learning.insights.rates import compare_all, difference_interval
from mcp_learning.lessons.merging import changed
from mcp_learning.lessons.refusals import contradiction
from mcp_learning.models.lessons import Effect, Lesson, LessonChange
from mcp_learning.store.lesson_protocol import Revision, Tally
from mcp_learning.store.types import Outcomes

ON_TRIAL = 10
"""Lessons that are on trial at a time in one repository and task type; others wait."""

LOOK = 10
"""Outcomes after which a lesson's effect is looked at first, and then after as many more."""

ENOUGH = 200
"""Outcomes on each side after which a lesson without a clear effect has had its trial."""

NOTHING = Tally(Outcomes(0, 0), Outcomes(0, 0), 0)


def is_shown(lesson: Lesson, unit: str) -> bool:
    """Whether the lot shows a lesson to a task: to each half on trial, to all when kept."""
    if lesson.pinned or lesson.status == "kept":
        return True
    if lesson.status != "trial":
        return False
    digest = hashlib.sha256(lesson.lesson_id.bytes + unit.encode()).digest()
    return digest[0] % 2 == 0


def effect(tally: Tally) -> Effect:
    """What is known of a lesson's effect."""
    shown, withheld = tally.shown, tally.withheld
    known = bool(sum(shown) and sum(withheld))
    low, high = difference_interval(shown, withheld)
    rates = [one.success / sum(one) if known else 0.0 for one in (shown, withheld)]
    return Effect(
        shown=sum(shown),
        shown_success=shown.success,
        withheld=sum(withheld),
        withheld_success=withheld.success,
        waiting=tally.waiting,
        change=round(rates[0] - rates[1], 4) if known else None,
        change_low=round(low, 4) if known else None,
        change_high=round(high, 4) if known else None,
    )


def judged(
    lessons: Sequence[Lesson], tallies: Mapping[UUID, Tally], now: datetime
) -> list[Revision]:
    """Keeps lessons that surely help, and retires those that seem to harm.

    To be kept, a lesson has to help beyond chance among all that are on trial (`compare_all`). To
    be retired, the 90 % interval of its effect has to be below zero: it is looked at after every
    `LOOK` outcomes, so a useless lesson goes sooner than a helpful one is kept, which is cheap.
    """
    due = [one for one in lessons if one.status in ("trial", "kept") and not one.pinned]
    pairs = [(tallies.get(one.lesson_id, NOTHING)) for one in due]
    changes = compare_all([(tally.shown, tally.withheld) for tally in pairs])
    revisions = []
    for lesson, tally, change in zip(due, pairs, changes, strict=True):
        fewest = min(sum(tally.shown), sum(tally.withheld))
        if change is None or fewest < LOOK // 2 or sum(tally.shown) + sum(tally.withheld) < LOOK:
            continue
        reason = (
            f"{change.change:+.0%} (90 % interval {change.change_low:+.0%} to "
            f"{change.change_high:+.0%}), {sum(tally.shown)} shown, {sum(tally.withheld)} withheld"
        )
        verdict = ""
        if change.change_high < 0:
            verdict = "retired"
        elif lesson.status == "trial" and change.direction == "better":
            verdict = "kept"
        elif lesson.status == "trial" and fewest >= ENOUGH:
            verdict, reason = "retired", f"no clear effect: {reason}"
        if verdict:
            line = LessonChange(changed_at=now, change=verdict, by="effect", reason=reason)
            revisions.append(changed(lesson, line, status=verdict))
    return revisions


def promoted(lessons: Sequence[Lesson], now: datetime) -> list[Revision]:
    """Puts candidates on trial while there is room, those with the greatest expected gain first.

    One that contradicts a lesson in use waits: both together would teach nothing.
    """
    taken = Counter(_scope(one) for one in lessons if one.status == "trial")
    in_use = [one for one in lessons if one.status in ("trial", "kept")]
    revisions = []
    for one in by_worth(one for one in lessons if one.status == "candidate"):
        if taken[_scope(one)] >= ON_TRIAL or contradiction(one, in_use) is not None:
            continue
        taken[_scope(one)] += 1
        in_use.append(one)
        line = LessonChange(changed_at=now, change="trial", by="evidence")
        revisions.append(changed(one, line, status="trial"))
    return revisions


def by_worth(lessons: Iterable[Lesson]) -> list[Lesson]:
    """Those that most is expected of first: pinned, kept, surely gaining, resting on most."""
    rank = {"kept": 0, "trial": 1, "candidate": 2, "retired": 3}
    return sorted(
        lessons,
        key=lambda one: (
            one.status == "retired",
            not one.pinned,
            rank[one.status],
            -(one.gain_low or 0.0),
            -len(one.evidence),
            one.created_at,
            one.lesson_id.int,
        ),
    )


def _scope(lesson: Lesson) -> tuple[str | None, str | None]:
    return lesson.repo, lesson.task_type
