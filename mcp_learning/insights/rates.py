"""Success rates with intervals, and differences between two sets of executions.

A difference is called "better" or "worse" if Newcombe's interval excludes zero and Fisher's exact
test is significant after Holm's correction for all differences that an answer compares.
"""

from collections.abc import Sequence
from math import exp, expm1, floor, isclose, isfinite, lgamma, sqrt
from statistics import NormalDist

from mcp_learning.models.dashboard import Rate
from mcp_learning.models.results import Change, Direction, Totals, Trend
from mcp_learning.store.types import Endings, Measures, Outcomes, Pairing

Z_90 = 1.6448536269514722  # standard normal quantile for a two-sided 90 % interval

FAMILYWISE_ERROR = 0.05
"""Highest probability of any "better" or "worse" in an answer where nothing changed."""

Weights = tuple[float, float]
"""Weights of successes and of failures: counts, or sums of confidences."""

_LARGEST_LOG = 16.0  # e^16, a factor of nine million, is the largest error that is reported


def wilson_interval(successes: float, trials: float, z: float = Z_90) -> tuple[float, float]:
    """The score interval of a success rate, each bound 0..1; (0, 1) without trials.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 22 (1927), 209-212. Unlike p ± z·sd it stays within 0..1 and keeps its coverage at small n.
    """
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    spread = z**2 / trials
    centre = (rate + spread / 2) / (1 + spread)
    half = z * sqrt((rate * (1 - rate) + spread / 4) / trials) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def weights(ended: Endings) -> Weights:
    """Weights of successes and failures: the sums of their confidences."""
    won, lost = ended.success_weight, ended.failure_weight
    return ended.success if won is None else won, ended.failure if lost is None else lost


def rated(ended: Endings) -> Rate:
    """The success rate of executions with its 90 % interval; None if no outcome has a weight.

    Each outcome counts by its confidence. The sum of these is the effective number of outcomes:
    with weights of at most 1 it is never above Kish's (Σw)² / Σw².
    """
    won, lost = weights(ended)
    if not won + lost:
        return Rate(success=ended.success, failure=ended.failure)
    low, high = wilson_interval(won, won + lost)
    return Rate(
        success=ended.success,
        failure=ended.failure,
        success_rate=round(won / (won + lost), 4),
        interval_low=round(low, 4),
        interval_high=round(high, 4),
    )


def difference_interval(one: Weights, other: Weights, z: float = Z_90) -> tuple[float, float]:
    """The hybrid score interval of rate(one) - rate(other), each bound -1..1.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent
    proportions: comparison of eleven methods", Statistics in Medicine 17 (1998), 873-890,
    method 10. (-1, 1) if one of them has no outcome.
    """
    if not sum(one) or not sum(other):
        return -1.0, 1.0
    p, q = _rate(one), _rate(other)
    low_p, high_p = wilson_interval(one[0], sum(one), z)
    low_q, high_q = wilson_interval(other[0], sum(other), z)
    below = sqrt((p - low_p) ** 2 + (high_q - q) ** 2)
    above = sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
    return max(-1.0, p - q - below), min(1.0, p - q + above)


def fisher_exact_p(one: Outcomes, other: Outcomes) -> float:
    """Two-sided p-value of the difference between two rates, 0..1; 1 without outcomes.

    Fisher's exact test, with the tail on the side of the difference doubled (R. A. Fisher, "The
    logic of inductive inference", JRSS 98 (1935), 39-82). Never below the true probability, whereas
    Newcombe's interval, at the strict levels that many comparisons need, is up to fifteen times too
    optimistic for five runs against five.
    """
    if not sum(one) or not sum(other):
        return 1.0
    high, low = (one, other) if _rate(one) >= _rate(other) else (other, one)
    # Given the margins, the successes of `high` are hypergeometric; add up from there upwards.
    won, n, m = high.success, sum(high), sum(low)
    all_won = won + low.success
    term = exp(_log_choose(n, won) + _log_choose(m, low.success) - _log_choose(n + m, all_won))
    tail = term
    for k in range(won, min(n, all_won)):
        term *= (n - k) * (all_won - k) / ((k + 1) * (m - all_won + k + 1))
        tail += term
        if term < tail * 1e-16:
            break
    return min(1.0, 2 * tail)


def holm(p_values: Sequence[float], level: float = FAMILYWISE_ERROR) -> list[bool]:
    """Which of n hypotheses are rejected, with a family-wise error rate of at most `level`.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6 (1979), 65-70. Holds under any dependence between the tests.
    """
    rejected = [False] * len(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for step, number in enumerate(order):
        if p_values[number] > level / (len(p_values) - step):
            break
        rejected[number] = True
    return rejected


def benjamini_hochberg(p_values: Sequence[float], level: float = FAMILYWISE_ERROR) -> list[bool]:
    """Which of n hypotheses are rejected, with a false discovery rate of at most `level`.

    Source: Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", JRSS B 57 (1995),
    289-300. Where there is nothing to find, it is as strict as `holm`.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    last = max(
        (n for n, number in enumerate(order, 1) if p_values[number] <= level * n / len(order)),
        default=0,
    )
    rejected = set(order[:last])
    return [number in rejected for number in range(len(p_values))]


def compare_with_fdr(
    pairs: Sequence[tuple[Outcomes, Outcomes]], level: float = FAMILYWISE_ERROR
) -> list[Change]:
    """How the first of each pair differs from the second, for findings that are read one by one.

    Of those called "better" or "worse", an expected share of at most `level` is false. Their
    intervals are widened for the selection: Y. Benjamini, D. Yekutieli, "False discovery
    rate-adjusted multiple confidence intervals for selected parameters", JASA 100 (2005), 71-81.
    Every pair must have outcomes on both sides.
    """
    significant = benjamini_hochberg([fisher_exact_p(*pair) for pair in pairs], level)
    share = sum(significant) / len(pairs) if pairs else 0.0
    z = NormalDist().inv_cdf(1 - level * share / 2) if share else Z_90
    return [
        _change(*pair, significant=one, z=max(z, Z_90))
        for pair, one in zip(pairs, significant, strict=True)
    ]


def compare_all(pairs: Sequence[tuple[Weights, Weights]]) -> list[Change | None]:
    """How the first of each pair differs from the second; None where one has no outcome.

    The pairs are one family of comparisons: with no real difference among them, the probability of
    even one "better" or "worse" is at most `FAMILYWISE_ERROR`. For the exact test, weights are
    rounded to whole numbers.
    """
    known = [pair for pair in pairs if sum(pair[0]) and sum(pair[1])]
    significant = iter(holm([fisher_exact_p(*map(_whole, pair)) for pair in known]))
    return [
        _change(*pair, significant=next(significant)) if sum(pair[0]) and sum(pair[1]) else None
        for pair in pairs
    ]


def compared(pairings: Sequence[Pairing]) -> list[tuple[Pairing, Change]]:
    """Approaches compared with the others of their task type, where both have outcomes."""
    changes = compare_all([(weights(one.own), weights(one.others)) for one in pairings])
    both = zip(pairings, changes, strict=True)
    return [(pairing, change) for pairing, change in both if change is not None]


def _whole(one: Weights) -> Outcomes:
    won, lost = (floor(round(weight, 6) + 0.5) for weight in one)
    return Outcomes(won, lost)


def _change(now: Weights, before: Weights, *, significant: bool, z: float = Z_90) -> Change:
    low, high = difference_interval(now, before, z)
    direction: Direction = "unclear"
    if significant and low > 0:
        direction = "better"
    elif significant and high < 0:
        direction = "worse"
    return Change(
        direction=direction,
        change=round(_rate(now) - _rate(before), 4),
        change_low=round(low, 4),
        change_high=round(high, 4),
        before=round(_rate(before), 4),
        before_executions=sum(_whole(before)),
    )


def mirrored(change: Change) -> Change:
    """The same change for a rate of which a higher value is worse."""
    opposite: dict[Direction, Direction] = {"better": "worse", "worse": "better"}
    direction = opposite.get(change.direction, "unclear")
    return change.model_copy(update={"direction": direction})


def summarise(measures: Measures) -> Totals:
    """Adds the success rate among ended executions, and its 90 % interval, to raw figures.

    Costs are compared with estimates by their ratio, so that twice and half are equally wrong: the
    error is e^median|ln(actual / estimate)| - 1, the bias e^(median ln(actual / estimate)) - 1:
    S. K. Morley, T. V. Brito, D. T. Welling, "Measures of model performance based on the log
    accuracy ratio", Space Weather 16 (2018), 69-88.
    """
    weight = sum(weights(measures.ended))
    is_count = isclose(weight, measures.success + measures.failure)
    return Totals(
        **rated(measures.ended).model_dump(),
        executions=measures.executions,
        pending=measures.pending,
        effective_n=None if is_count else round(weight, 2),
        duration_p50=_rounded(measures.duration_p50, 3),
        duration_p95=_rounded(measures.duration_p95, 3),
        cost_usd=_rounded(measures.cost_usd, 6),
        cost_predictions=measures.cost_predictions or None,
        cost_error=_ratio(measures.cost_spread),
        cost_bias=_ratio(measures.cost_shift),
    )


def compare(now: Measures, before: Measures) -> Trend:
    """A period compared with the one before, without correction for further comparisons."""
    (change,) = compare_all([(weights(now.ended), weights(before.ended))])
    previous = summarise(before)
    if change is None:
        return Trend(previous=previous, direction="unclear")
    return Trend(
        previous=previous,
        success_rate_change=change.change,
        change_low=change.change_low,
        change_high=change.change_high,
        direction=change.direction,
    )


def _rate(one: Weights) -> float:
    return one[0] / sum(one)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _ratio(log: float | None) -> float | None:
    return None if log is None else round(expm1(min(log, _LARGEST_LOG)), 4)


def _rounded(value: float | None, digits: int) -> float | None:
    # Costs near the largest float add up to infinity, which JSON can't hold.
    return None if value is None or not isfinite(value) else round(value, digits)
