"""Counts into rates with intervals, and one period against the one before."""

from math import sqrt

from mcp_learning.models.results import Totals, Trend
from mcp_learning.store.statistics import Measures

Z_90 = 1.6448536269514722
"""Standard normal quantile for a two-sided 90 % interval."""


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 90 % score interval of a success rate, each bound 0..1; (0, 1) without trials.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927), 209-212. Unlike p ± z·sd it stays within 0..1 and is honest at small n.
    """
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    spread = Z_90**2 / trials
    centre = (rate + spread / 2) / (1 + spread)
    half = Z_90 * sqrt((rate * (1 - rate) + spread / 4) / trials) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def summarise(measures: Measures) -> Totals:
    """Adds the success rate among ended executions, and its 90 % interval, to raw figures."""
    ended = measures.success + measures.failure
    low, high = wilson_interval(measures.success, ended)
    return Totals(
        executions=measures.executions,
        success=measures.success,
        failure=measures.failure,
        pending=measures.pending,
        success_rate=round(measures.success / ended, 4) if ended else None,
        interval_low=round(low, 4) if ended else None,
        interval_high=round(high, 4) if ended else None,
        duration_p50=_rounded(measures.duration_p50),
        duration_p95=_rounded(measures.duration_p95),
        cost_usd=_rounded(measures.cost_usd),
    )


def compare(now: Totals, before: Totals) -> Trend:
    """A period against the one before; a direction only where the intervals don't overlap."""
    if now.success_rate is None or before.success_rate is None:
        return Trend(previous=before, direction="unclear")
    change = round(now.success_rate - before.success_rate, 4)
    if (now.interval_low or 0) > (before.interval_high or 1):
        return Trend(previous=before, success_rate_change=change, direction="better")
    if (now.interval_high or 1) < (before.interval_low or 0):
        return Trend(previous=before, success_rate_change=change, direction="worse")
    return Trend(previous=before, success_rate_change=change, direction="unclear")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
