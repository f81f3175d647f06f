"""What a period taught: figures by group, failure patterns with fixes, what differs for sure.

Everything here runs with a cursor on a reader's thread and reads aggregates only, so that it takes
as long at a hundred thousand executions as it should (docs/statistics.md has the times).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from mcp_learning.insights.patterns import most_typical, patterns
from mcp_learning.insights.rates import changes, compare, mirrored, outcomes_of, summarise
from mcp_learning.models.insights import Contrast, Insights, Shift, Thin
from mcp_learning.models.requests import GroupBy, LearningStats
from mcp_learning.models.results import Change, FailurePattern, Group, Health, Stats, Totals
from mcp_learning.store.duckdb import error_texts, statistics
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.statistics import Within
from mcp_learning.store.types import ErrorText, Outcomes

DAYS = 90
"""Period of `insights`."""

MAX_GROUPS = 15
"""Groups that learning_stats shows and compares, the largest ones: each costs over 100 tokens."""

MAX_DAYS = 31
"""The same for days, of which the newest are shown."""

_PAGE_GROUPS = 50
"""The same for a page, which names only those that differ."""

THIN = 0.4
"""An interval wider than this is too wide to act on: fewer than about 14 outcomes."""

SIMILAR_TASK = 0.6
"""Cosine from which a success is one of a similar task. Half of the package's reworded pairs
reach it, and none of its 1,560 unrelated ones."""

_STATS_PATTERNS, _PAGE_PATTERNS = 5, 10
_TEXTS = 500  # normalised error texts that are looked at, the commonest ones
_NEXT_SUCCESSES = 300
_LONGEST_FIX = 600
_CONTRASTS = 60
_DIMENSIONS: tuple[GroupBy, ...] = ("task_type", "approach", "repo", "model_tier", "pool_type")


class Period(NamedTuple):
    """[since, until), the equally long period before, and what is looked at."""

    before: datetime
    since: datetime
    until: datetime
    within: Within

    @classmethod
    def of(cls, days: int, now: datetime, within: Within = None) -> "Period":
        """The last `days` days; `now` is still in it."""
        until, length = now + timedelta(seconds=1), timedelta(days=days)
        return cls(until - 2 * length, until - length, until, within)


def stats(cursor: Cursor, request: LearningStats, now: datetime, health: Health) -> Stats:
    """Totals, groups, their trends against the period before, and failure patterns."""
    period = Period.of(request.days, now, request.repo)
    totals, previous = _totals(cursor, period)
    most = MAX_DAYS if request.group_by == "day" else MAX_GROUPS
    groups, omitted = _groups(cursor, request.group_by, period, most)
    shifts = _compared(cursor, {request.group_by: groups}, totals, previous, period)
    common, others = failure_patterns(cursor, period, _STATS_PATTERNS)
    return Stats(
        days=request.days,
        group_by=request.group_by,
        totals=totals,
        groups=[shift.group for shift in shifts],
        groups_omitted=omitted,
        trend=compare(totals, previous),
        failures=common,
        other_failures=others,
        health=health,
    )


def insights(cursor: Cursor, now: datetime) -> Insights:
    """All that a person would want to know about the last `DAYS` days."""
    period = Period.of(DAYS, now)
    totals, previous = _totals(cursor, period)
    dimensions: tuple[GroupBy, ...] = (*_DIMENSIONS, "error_type")
    by_dimension = {by: _groups(cursor, by, period, _PAGE_GROUPS)[0] for by in dimensions}
    shifts = _compared(cursor, by_dimension, totals, previous, period)
    compared = [(shift, shift.group.trend) for shift in shifts if shift.group.trend]
    contrasts = _contrasts(cursor, period)
    common, others = failure_patterns(cursor, period, _PAGE_PATTERNS)
    return Insights(
        since=period.since,
        until=now,
        totals=totals,
        trend=compare(totals, previous),
        task_types=by_dimension["task_type"],
        works=[c for c in contrasts if c.against_others.direction == "better"],
        fails=[c for c in reversed(contrasts) if c.against_others.direction == "worse"],
        contrasted=len(contrasts),
        failures=common,
        other_failures=others,
        better=[shift for shift, trend in compared if trend.direction == "better"],
        worse=[shift for shift, trend in compared if trend.direction == "worse"],
        compared=len(compared),
        thin=[
            Thin(group_by=by, key=group.key, ended=group.success + group.failure)
            for by in _DIMENSIONS
            for group in by_dimension[by]
            if is_thin(group)
        ],
    )


def is_thin(totals: Totals) -> bool:
    """Whether the success rate is known too vaguely to act on, or not at all."""
    low, high = totals.interval_low, totals.interval_high
    return low is None or high is None or high - low > THIN


def failure_patterns(
    cursor: Cursor, period: Period, limit: int
) -> tuple[list[FailurePattern], int]:
    """The `limit` commonest patterns of errors, each with what ended it; and all other failures.

    The fix of a pattern comes from the successes of the same task in the same repo that were the
    next after its failures: the most typical of their solutions, since now and then something else
    was done to that task. Without any, it is the solution of a similar task of the same type in the
    same repo, among those that came next after the latest failure.
    """
    found = error_texts.error_texts(cursor, period.since, period.until, period.within, _TEXTS)
    merged: dict[str, list[ErrorText]] = defaultdict(list)
    names = patterns([error.text for error in found.commonest])
    for name, error in zip(names, found.commonest, strict=True):
        merged[name].append(error)
    commonest = sorted(merged.items(), key=lambda item: (-_count(item[1]), item[0]))[:limit]
    fixes = _fixes(cursor, [errors for _, errors in commonest])
    shown = [
        _pattern(name, errors, fix) for (name, errors), fix in zip(commonest, fixes, strict=True)
    ]
    return shown, found.failures - sum(pattern.failures for pattern in shown)


class _Fix(NamedTuple):
    text: str
    task_id: UUID
    same_task: bool


def _fixes(cursor: Cursor, all_errors: Sequence[Sequence[ErrorText]]) -> list[_Fix | None]:
    same = [_followers(errors) for errors in all_errors]
    last = [_latest(errors)[0] for errors in all_errors]
    unsolved = [failure for failure, ids in zip(last, same, strict=True) if not ids]
    similar = error_texts.similar_successes(
        cursor, unsolved, nearest=_NEXT_SUCCESSES, least=SIMILAR_TASK
    )
    texts = error_texts.solutions(cursor, [*chain(*same), *similar.values()], _LONGEST_FIX)
    fixes: list[_Fix | None] = []
    for failure, ids in zip(last, same, strict=True):
        others = [similar[failure]] if failure in similar else []
        given = [task_id for task_id in ids or others if task_id in texts]
        if given:
            task_id = given[most_typical([texts[task_id] for task_id in given])]
            fixes.append(_Fix(texts[task_id], task_id, same_task=bool(ids)))
        else:
            fixes.append(None)
    return fixes


def _followers(errors: Sequence[ErrorText]) -> list[UUID]:
    """Successes of the same tasks, those that came the soonest after a failure first."""
    soonest = sorted(fix for error in errors for fix in error.fixes)
    return list(dict.fromkeys(task_id for _, task_id in soonest))[: error_texts.FIXES]


def _pattern(name: str, errors: Sequence[ErrorText], fix: _Fix | None) -> FailurePattern:
    largest = max(errors, key=lambda error: (error.count, error.text))
    return FailurePattern(
        pattern=name,
        error_type=largest.error_type,
        failures=_count(errors),
        fixed=sum(error.fixed for error in errors),
        last_seen=max(error.examples[0][0] for error in errors),
        task_ids=_latest(errors),
        fix=fix and fix.text,
        fix_task_id=fix and fix.task_id,
        fix_basis=fix and ("same task" if fix.same_task else "similar task"),
    )


def _latest(errors: Sequence[ErrorText]) -> list[UUID]:
    examples = sorted((example for error in errors for example in error.examples), reverse=True)
    return [task_id for _, task_id in examples[: error_texts.EXAMPLES]]


def _count(errors: Sequence[ErrorText]) -> int:
    return sum(error.count for error in errors)


def _totals(cursor: Cursor, period: Period) -> tuple[Totals, Totals]:
    before, since, until, within = period
    return (
        summarise(statistics.totals(cursor, since, until, within)),
        summarise(statistics.totals(cursor, before, since, within)),
    )


def _groups(cursor: Cursor, by: GroupBy, period: Period, limit: int) -> tuple[list[Group], int]:
    rows, more = statistics.groups(cursor, by, period.since, period.until, period.within, limit)
    return [Group(key=key, **summarise(figures).model_dump()) for key, figures in rows], more


def _compared(
    cursor: Cursor,
    by_dimension: dict[GroupBy, list[Group]],
    totals: Totals,
    previous: Totals,
    period: Period,
) -> list[Shift]:
    """The groups with their changes, all looked at together. A day has no period before."""
    shifts: list[Shift] = []
    pairs: list[tuple[Outcomes, Outcomes]] = []
    for by, groups in by_dimension.items():
        before = _before(cursor, by, groups, period)
        for group in groups:
            now, then = outcomes_of(group), before.get(group.key, Outcomes(0, 0))
            if by == "error_type":  # all of them failed: what changes is how often it happens
                now, then = _share(now, outcomes_of(totals)), _share(then, outcomes_of(previous))
            shifts.append(Shift(group_by=by, group=group))
            pairs.append((now, then))
    return [
        _with_trend(shift, change) for shift, change in zip(shifts, changes(pairs), strict=True)
    ]


def _with_trend(shift: Shift, change: Change | None) -> Shift:
    if change is not None and shift.group_by == "error_type":
        change = mirrored(change)
    return shift.model_copy(update={"group": shift.group.model_copy(update={"trend": change})})


def _before(
    cursor: Cursor, by: GroupBy, groups: Sequence[Group], period: Period
) -> dict[str, Outcomes]:
    if by == "day" or not groups:
        return {}
    keys = [group.key for group in groups]
    return statistics.outcomes(cursor, by, period.before, period.since, period.within, keys)


def _share(part: Outcomes, whole: Outcomes) -> Outcomes:
    return Outcomes(sum(part), sum(whole) - sum(part))


def _contrasts(cursor: Cursor, period: Period) -> list[Contrast]:
    """Approaches against the others of their task type, greatest gain first."""
    found = statistics.pairings(cursor, period.since, period.until, period.within, _CONTRASTS)
    compared: list[Change | None] = changes([(pairing.own, pairing.others) for pairing in found])
    contrasts = [
        Contrast(
            task_type=pairing.task_type,
            approach=pairing.approach,
            executions=sum(pairing.own),
            success_rate=round(pairing.own.success / sum(pairing.own), 4),
            against_others=change,
        )
        for pairing, change in zip(found, compared, strict=True)
        if change is not None
    ]
    return sorted(contrasts, key=lambda c: (-c.against_others.change, c.task_type, c.approach))
