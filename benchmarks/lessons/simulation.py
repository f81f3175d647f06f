"""Simulated worlds in which the true effects of lessons are known.

Each kind of task has one lesson with a given effect on the success rate of an agent that follows
it. Agents follow a lesson that they are shown with a given probability. Assignment and decisions
are those of the product (`trials`).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple
from uuid import UUID

from mcp_learning.lessons import trials
from mcp_learning.models.lessons import Lesson, LessonChange
from mcp_learning.store.lesson_protocol import Tally
from mcp_learning.store.types import Outcomes

EFFECTS = (0.25, 0.0, -0.25)
"""Effects of a world's lessons, in turn, on the success rate of agents that follow, -1..1."""

KINDS = 12
"""Kinds of tasks in a world, each with a lesson."""

TASKS = 300
"""Tasks of each kind."""

EARLY = 50
"""Showings within which a harmful lesson should be retired."""

_NOW = datetime(2025, 1, 1, tzinfo=UTC)


class TrialResult(NamedTuple):
    """The result of one lesson's trial.

    Attributes:
        effect: On the success rate of agents that follow it.
        status: At the end.
        shown: Number of tasks that it was shown to.
        covered: Whether the final 90 % interval contains the true effect.
        lost: Regret in expected successes, against showing it always if it helps, and else never.
        lost_without: The same without the lesson.
        lost_always: The same if it were shown always.
    """

    effect: float
    status: str
    shown: int
    covered: bool
    lost: float
    lost_without: float
    lost_always: float


def simulate(seed: int, follows: float, effects: Sequence[float] = EFFECTS) -> list[TrialResult]:
    """The trials of the lessons of one world.

    Args:
        seed: The same seed gives the same world.
        follows: How likely an agent follows what it is shown, 0..1.
        effects: Of its lessons, in turn, on the success rate of agents that follow, -1..1.
    """
    rng = Random(seed)
    return [
        _trial(rng, effects[kind % len(effects)], follows, number=seed * KINDS + kind)
        for kind in range(KINDS)
    ]


def _trial(rng: Random, effect: float, follows: float, number: int) -> TrialResult:
    base = rng.uniform(0.35, 0.65)
    lesson = _lesson(number)
    counts = {True: [0, 0], False: [0, 0]}
    history: list[LessonChange] = []
    lost = 0.0
    for task in range(TASKS):
        is_shown = trials.is_shown(lesson, f"{number} {task}")
        expected = base + is_shown * follows * effect
        success = rng.random() < expected
        lost += max(0.0, follows * effect) - (expected - base)
        if lesson.status in ("trial", "kept"):
            counts[is_shown][0 if success else 1] += 1
            tally = {lesson.lesson_id: _tally(counts)}
            for revision in trials.conclude_trials(
                [lesson], tally, _NOW, {lesson.lesson_id: history}
            ):
                lesson = revision.lesson
                history += revision.changes
    tally_now = _tally(counts)
    low, high = trials.lasting_interval(tally_now.shown, tally_now.withheld)
    best, always = max(0.0, follows * effect) * TASKS, follows * effect * TASKS
    return TrialResult(
        effect=effect,
        status=lesson.status,
        shown=sum(tally_now.shown),
        covered=low <= follows * effect <= high,
        lost=lost,
        lost_without=best,
        lost_always=best - always,
    )


def _lesson(number: int) -> Lesson:
    return Lesson(
        lesson_id=UUID(int=number + 1),
        kind="told",
        origin="agent",
        status="trial",
        when="a kind of task",
        do="something",
        evidence=[],
        created_at=_NOW,
        updated_at=_NOW,
        worded_at=_NOW,
    )


def _tally(counts: dict[bool, list[int]]) -> Tally:
    return Tally(Outcomes(*counts[True]), Outcomes(*counts[False]), 0)


def summary(results: Sequence[TrialResult], follows: float) -> dict[str, object]:
    """Regret per task, coverage, and shares of kept and retired lessons by their true effect."""
    helpful, harmful = ([one for one in results if sign * one.effect > 0] for sign in (1, -1))
    useless = [one for one in results if one.effect == 0]
    tasks = TASKS * len(results)
    return {
        "follows": follows,
        "lessons": len(results),
        "regret_with": round(sum(one.lost for one in results) / tasks, 4),
        "regret_without": round(sum(one.lost_without for one in results) / tasks, 4),
        "regret_shown_always": round(sum(one.lost_always for one in results) / tasks, 4),
        "intervals_that_cover": _share(one.covered for one in results),
        "harmful_retired": _share(one.status == "retired" for one in harmful),
        f"harmful_retired_within_{EARLY}": _share(
            one.status == "retired" and one.shown <= EARLY for one in harmful
        ),
        "useless_retired": _share(one.status == "retired" for one in useless),
        "useless_kept": _share(one.status == "kept" for one in useless),
        "helpful_kept": _share(one.status == "kept" for one in helpful),
        "helpful_retired": _share(one.status == "retired" for one in helpful),
    }


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 3) if values else 0.0
