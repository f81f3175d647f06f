"""Generated worlds with known truth: what becomes of good, useless and harmful lessons.

Each kind of task has one lesson, whose effect on the success rate of an agent that follows it is
known. Agents follow a lesson that they are shown with a given probability. Lots and decisions are
those of the product (`trials`).
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
"""Effects of the lessons of a world, in turn, on the success rate of who follows."""

KINDS = 12
"""Kinds of tasks in a world, with a lesson each."""

TASKS = 300
"""Tasks of each kind."""

EARLY = 50
"""Showings within which a harmful lesson is to be retired."""

_NOW = datetime(2025, 1, 1, tzinfo=UTC)


class Fate(NamedTuple):
    """What became of one lesson.

    Attributes:
        effect: On the success rate of who follows it.
        status: In the end.
        shown: Tasks that it was shown to.
        covered: Whether the 90 % interval of its effect in the end holds the true one.
        lost: Expected successes lost against the best: always followed if it helps, else never.
        lost_without: The same without any lesson.
        lost_always: The same if it were shown always.
    """

    effect: float
    status: str
    shown: int
    covered: bool
    lost: float
    lost_without: float
    lost_always: float


def simulate(seed: int, follows: float, effects: Sequence[float] = EFFECTS) -> list[Fate]:
    """The fates of the lessons of one world.

    Args:
        seed: The same seed gives the same world.
        follows: How likely an agent follows what it is shown, 0..1.
        effects: Of its lessons, in turn, on the success rate of who follows, -1..1.
    """
    rng = Random(seed)  # noqa: S311 - reproducible on purpose
    return [
        _life(rng, effects[kind % len(effects)], follows, number=seed * KINDS + kind)
        for kind in range(KINDS)
    ]


def _life(rng: Random, effect: float, follows: float, number: int) -> Fate:
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
    return Fate(
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


def summary(fates: Sequence[Fate], follows: float) -> dict[str, object]:
    """Of some worlds: regret per task, coverage, and what became of each kind of lesson."""
    helpful, harmful = ([one for one in fates if sign * one.effect > 0] for sign in (1, -1))
    useless = [one for one in fates if one.effect == 0]
    tasks = TASKS * len(fates)
    return {
        "follows": follows,
        "lessons": len(fates),
        "regret_with": round(sum(one.lost for one in fates) / tasks, 4),
        "regret_without": round(sum(one.lost_without for one in fates) / tasks, 4),
        "regret_shown_always": round(sum(one.lost_always for one in fates) / tasks, 4),
        "intervals_that_cover": _share(one.covered for one in fates),
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
