"""Reports on a period: `stats` for learning_stats, `insights` for the page of insights.

Both read aggregates from the store and compare them on a worker thread, so they take little more
time at a hundred thousand executions than at a thousand (docs/statistics.md has the times).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import anyio.to_thread

from mcp_learning.insights.failures import FailurePatterns, failure_patterns
from mcp_learning.insights.rates import (
    Weights,
    compare,
    compare_all,
    compared,
    mirrored,
    rated,
    summarise,
    weights,
)
from mcp_learning.models.health import Health
from mcp_learning.models.insights import Contrast, GroupChange, Insights, SmallGroup
from mcp_learning.models.requests import GroupBy, LearningStats
from mcp_learning.models.results import Change, Group, Stats, Totals
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Endings, Measures, Pairing, Period

DAYS = 90  # period of `insights`

MAX_GROUPS = 15
"""Largest groups, which learning_stats shows and compares; each takes over 100 tokens."""

MAX_DAYS = 31  # the same for days, of which the newest are shown

WIDE_INTERVAL = 0.4
"""An interval wider than this is too wide to act on: fewer than about 14 outcomes."""

_PAGE_GROUPS = 50  # as MAX_GROUPS, for a page, which names only those that differ
_STATS_PATTERNS, _PAGE_PATTERNS = 5, 10
_CONTRASTS = 60
_DIMENSIONS: tuple[GroupBy, ...] = ("task_type", "approach", "repo", "model_tier", "pool_type")


class Groups(NamedTuple):
    """The groups of one dimension, and how those with the same keys ended in the period before."""

    rows: list[tuple[str, Measures]]
    omitted: int
    before: dict[str, Endings]


class Figures(NamedTuple):
    """Aggregates of a period, and of the equally long one before."""

    totals: Measures
    previous: Measures
    groups: dict[GroupBy, Groups]


async def stats(store: Store, request: LearningStats, now: datetime, health: Health) -> Stats:
    """Totals, groups, their trends against the period before, and failure patterns.

    Raises:
        StoreError: The store can't be read.
    """
    by = request.group_by
    period = Period.last_days(request.days, now, request.repo, request.task_type)
    figures = await _read(store, period, [by], MAX_DAYS if by == "day" else MAX_GROUPS)
    failures = await failure_patterns(store, period, _STATS_PATTERNS)
    return await anyio.to_thread.run_sync(make_stats, request, figures, failures, health)


async def insights(store: Store, now: datetime) -> Insights:
    """The page of insights on the last `DAYS` days; raises as `stats`."""
    period = Period.last_days(DAYS, now)
    figures = await _read(store, period, [*_DIMENSIONS, "error_type"], _PAGE_GROUPS)
    pairings = await store.pairings(period, _CONTRASTS)
    failures = await failure_patterns(store, period, _PAGE_PATTERNS)
    return await anyio.to_thread.run_sync(
        make_insights, period.since, now, figures, pairings, failures
    )


def make_stats(
    request: LearningStats, figures: Figures, failures: FailurePatterns, health: Health
) -> Stats:
    """The answer of learning_stats, from aggregates."""
    return Stats(
        days=request.days,
        group_by=request.group_by,
        totals=summarise(figures.totals),
        groups=[shift.group for shift in compare_groups(figures)],
        groups_omitted=figures.groups[request.group_by].omitted,
        trend=compare(figures.totals, figures.previous),
        failures=failures.shown,
        other_failures=failures.others,
        health=health,
    )


def make_insights(
    since: datetime,
    until: datetime,
    figures: Figures,
    pairings: Sequence[Pairing],
    failures: FailurePatterns,
) -> Insights:
    """The page of insights, from aggregates."""
    totals = summarise(figures.totals)
    shifts = compare_groups(figures)
    groups = [(shift.group_by, shift.group) for shift in shifts]
    compared = [(shift, shift.group.trend) for shift in shifts if shift.group.trend]
    contrasts = contrast(pairings)
    return Insights(
        since=since,
        until=until,
        totals=totals,
        trend=compare(figures.totals, figures.previous),
        task_types=[
            group.model_copy(update={"trend": None}) for by, group in groups if by == "task_type"
        ],
        works=[c for c in contrasts if c.against_others.direction == "better"],
        fails=[c for c in reversed(contrasts) if c.against_others.direction == "worse"],
        contrasted=len(contrasts),
        failures=failures.shown,
        other_failures=failures.others,
        better=[shift for shift, trend in compared if trend.direction == "better"],
        worse=[shift for shift, trend in compared if trend.direction == "worse"],
        compared=len(compared),
        thin=[
            SmallGroup(group_by=by, key=group.key, ended=group.success + group.failure)
            for by, group in groups
            if by != "error_type" and is_thin(group)
        ],
    )


def is_thin(totals: Totals) -> bool:
    """Whether the success rate has no interval, or one wider than `WIDE_INTERVAL`."""
    low, high = totals.interval_low, totals.interval_high
    return low is None or high is None or high - low > WIDE_INTERVAL


def compare_groups(figures: Figures) -> list[GroupChange]:
    """All groups with their trends, which are corrected as one family of comparisons.

    Days have no trend. Of an error type, the share of ended executions is compared: less is better.
    """
    shifts: list[GroupChange] = []
    pairs: list[tuple[Weights, Weights]] = []
    totals, previous = weights(figures.totals.ended), weights(figures.previous.ended)
    for by, groups in figures.groups.items():
        for key, measures in groups.rows:
            now = weights(measures.ended)
            before = weights(groups.before.get(key, Endings(0, 0)))
            if by == "error_type":
                now, before = _share(now, totals), _share(before, previous)
            group = Group(key=key, **summarise(measures).model_dump())
            shifts.append(GroupChange(group_by=by, group=group))
            pairs.append((now, before))
    return [
        _with_trend(shift, change) for shift, change in zip(shifts, compare_all(pairs), strict=True)
    ]


def contrast(pairings: Sequence[Pairing]) -> list[Contrast]:
    """Approaches compared with the others of their task type, greatest gain first."""
    contrasts = [
        Contrast(
            task_type=pairing.task_type,
            approach=pairing.approach,
            executions=pairing.own.success + pairing.own.failure,
            success_rate=rated(pairing.own).success_rate or 0.0,
            against_others=change,
        )
        for pairing, change in compared(pairings)
    ]
    return sorted(contrasts, key=lambda c: (-c.against_others.change, c.task_type, c.approach))


async def _read(
    store: Store, period: Period, dimensions: Sequence[GroupBy], max_groups: int
) -> Figures:
    totals, previous = await store.totals(period), await store.totals(period.before)
    groups = {}
    for by in dimensions:
        rows, omitted = await store.groups(by, period, max_groups)
        keys = [key for key, _ in rows] if by != "day" else []
        before = await store.outcomes(by, period.before, keys) if keys else {}
        groups[by] = Groups(rows, omitted, before)
    return Figures(totals, previous, groups)


def _with_trend(shift: GroupChange, change: Change | None) -> GroupChange:
    if change is not None and shift.group_by == "error_type":
        change = mirrored(change)
    return shift.model_copy(update={"group": shift.group.model_copy(update={"trend": change})})


def _share(part: Weights, whole: Weights) -> Weights:
    # The part was read later, and may include executions recorded in between.
    return sum(part), max(0.0, sum(whole) - sum(part))
