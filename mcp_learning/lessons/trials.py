"""Randomised trials of lessons: assignment of tasks, estimated effect, and the decision.

A lesson on trial is shown to a random half of the tasks that it matches, so that both halves differ
in nothing else. The assignment is a hash of lesson and task: asking twice gives the same answer,
and nothing has to be stored in advance.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import log, sqrt
from uuid import UUID

from mcp_learning.insights.rates import difference_interval
from mcp_learning.lessons.merging import changed
from mcp_learning.lessons.refusals import contradiction
from mcp_learning.models.lessons import Effect, Lesson, LessonChange
from mcp_learning.store.lesson_protocol import Revision, Tally
from mcp_learning.store.types import Outcomes

ON_TRIAL = 10
"""Most lessons on trial at a time in one repository and task type; other candidates wait."""

LOOK = 10
"""Least number of outcomes, of which half on each side, before a lesson's effect is tested."""

TRIAL = 50
"""Number of outcomes of tasks with a lesson after which it is retired unless it is promising."""

ENOUGH = 200
"""Number of outcomes on each side after which a promising lesson needs a significant effect."""

SIZE = 0.15
"""Effect, 0..1, by which `log_odds` weighs help against harm."""

HARMFUL, PROMISING = 1 / 20, 8.0
"""Odds of help against harm below which a lesson is retired: at any time, and after `TRIAL`."""

CONTINUED = "continued"
"""The change in the history of a lesson that was promising after `TRIAL` outcomes."""

USUAL = 0.2
"""Size of the effect, -1..1, at which `lasting_interval` is narrowest."""

LEVEL = 0.1
"""Probability that `lasting_interval` excludes the true effect at any time."""

NOTHING = Tally(Outcomes(0, 0), Outcomes(0, 0), 0)


def is_shown(lesson: Lesson, unit: str) -> bool:
    """Whether a lesson is shown to a task: to a random half on trial, to all when kept."""
    if lesson.pinned or lesson.status == "kept":
        return True
    if lesson.status != "trial":
        return False
    digest = hashlib.sha256(lesson.lesson_id.bytes + unit.encode()).digest()
    return digest[0] % 2 == 0


def effect(tally: Tally) -> Effect:
    """The estimated effect of a lesson with its interval."""
    shown, withheld = tally.shown, tally.withheld
    known = bool(sum(shown) and sum(withheld))
    low, high = lasting_interval(shown, withheld)
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


def lasting_interval(shown: Outcomes, withheld: Outcomes) -> tuple[float, float]:
    """A 90 % confidence sequence of the effect: valid after every outcome at once.

    As `rates.difference_interval`, with a quantile that holds for all looks together: a normal
    mixture of effects of `USUAL` size. Source: H. Robbins, "Statistical methods related to
    the law of the iterated logarithm", Annals of Mathematical Statistics 41 (1970), 1397-1409.
    """
    if not sum(shown) or not sum(withheld):
        return -1.0, 1.0
    variance = sum(map(_variance, (shown, withheld)))
    ratio = variance / USUAL**2
    z = sqrt(2 * (1 + ratio) * (log(1 / LEVEL) + log(1 + 1 / ratio) / 2))
    return difference_interval(shown, withheld, z)


def log_odds(tally: Tally) -> float:
    """Log likelihood ratio of the outcomes: the lesson adds `SIZE`, or it costs as much.

    For two normal means. Source: A. Wald, "Sequential tests of statistical
    hypotheses", Annals of Mathematical Statistics 16 (1945), 117-186.
    """
    won, lost = (one.success / sum(one) for one in (tally.shown, tally.withheld))
    return 2 * SIZE * (won - lost) / sum(map(_variance, (tally.shown, tally.withheld)))


def _variance(outcomes: Outcomes) -> float:
    rate = (1 + outcomes.success) / (2 + sum(outcomes))
    return rate * (1 - rate) / sum(outcomes)


def conclude_trials(
    lessons: Sequence[Lesson],
    tallies: Mapping[UUID, Tally],
    now: datetime,
    history: Mapping[UUID, Sequence[LessonChange]],
) -> list[Revision]:
    """Keeps lessons with a significant benefit, and retires those that are unlikely to have one.

    A lesson is kept when the confidence sequence of its effect is above zero. It is retired as soon
    as harm is `1 / HARMFUL` times as likely as help. After `TRIAL` showings, once, help has to be
    `PROMISING` times as likely as harm; otherwise it is retired, since other candidates wait.
    """
    revisions = []
    for lesson in lessons:
        tally = tallies.get(lesson.lesson_id, NOTHING)
        numbers = sum(tally.shown), sum(tally.withheld)
        settled = lesson.pinned or lesson.status not in ("trial", "kept")
        if settled or min(numbers) < LOOK // 2 or sum(numbers) < LOOK:
            continue
        lines = history.get(lesson.lesson_id, ())
        had_trial = any(
            one.change == CONTINUED and one.changed_at >= lesson.worded_at for one in lines
        )
        verdict, reason = _verdict(lesson, tally, had_trial=had_trial)
        if verdict:
            status = "trial" if verdict == CONTINUED else verdict
            revisions.append(changed(lesson, now, verdict, "effect", reason, status=status))
    return revisions


def _verdict(lesson: Lesson, tally: Tally, *, had_trial: bool) -> tuple[str, str]:
    known, odds = effect(tally), log_odds(tally)
    reason = (
        f"{known.change:+.0%} (90 % interval {known.change_low:+.0%} to {known.change_high:+.0%}), "
        f"{known.shown} shown, {known.withheld} withheld"
    )
    if odds < log(HARMFUL):
        return "retired", f"tasks went worse with it: {reason}"
    if lesson.status == "kept":
        return "", ""
    if (known.change_low or 0.0) > 0:
        return "kept", reason
    if known.shown >= TRIAL and not had_trial:
        if odds < log(PROMISING):
            return "retired", f"no use was seen: {reason}"
        return CONTINUED, f"promising: {reason}"
    if min(known.shown, known.withheld) >= ENOUGH:
        return "retired", f"no clear effect: {reason}"
    return "", ""


def start_trials(lessons: Sequence[Lesson], now: datetime) -> list[Revision]:
    """Puts candidates on trial while there is room, those with the greatest expected gain first.

    One that contradicts a lesson in use waits, since each would distort the other's trial.
    """
    taken = Counter(_scope(one) for one in lessons if one.status == "trial")
    in_use = [one for one in lessons if one.status in ("trial", "kept")]
    revisions = []
    for one in by_expected_gain(one for one in lessons if one.status == "candidate"):
        if taken[_scope(one)] >= ON_TRIAL or contradiction(one, in_use) is not None:
            continue
        taken[_scope(one)] += 1
        in_use.append(one)
        revisions.append(changed(one, now, "trial", status="trial"))
    return revisions


def by_expected_gain(lessons: Iterable[Lesson]) -> list[Lesson]:
    """Sorted: pinned first, then by status, lower bound of the gain, amount of evidence and age."""
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
