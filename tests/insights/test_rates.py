"""Intervals and trends, against published and hand-computed values."""

from fractions import Fraction
from math import comb, log, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.insights.rates import (
    Z_90,
    compare,
    compare_all,
    difference_interval,
    fisher_exact_p,
    holm,
    mirrored,
    summarise,
    wilson_interval,
)
from mcp_learning.store.types import Measures, Outcomes


def totals(success: int, failure: int) -> Measures:
    return Measures(success + failure, success, failure, 0, None, None, None)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # By hand: n = 1 and p = 1 give 1/(1 + z²) and 1; by symmetry 0 and z²/(1 + z²) for p = 0.
        (1, 1, 1 / (1 + Z_90**2), 1.0),
        (0, 1, 0.0, Z_90**2 / (1 + Z_90**2)),
        (0, 10, 0.0, Z_90**2 / (10 + Z_90**2)),
        # p = 1/2 gives 1/2 ± z/(2·sqrt(n + z²)).
        (5, 10, 0.5 - Z_90 / (2 * (10 + Z_90**2) ** 0.5), 0.5 + Z_90 / (2 * (10 + Z_90**2) ** 0.5)),
        (15, 20, 0.567798, 0.872622),
        (0, 0, 0.0, 1.0),
    ],
)
def test_wilson_intervals_are_those_computed_by_hand(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-6)


Z_95 = 1.959964


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I: 95 %, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_intervals_of_a_rate_are_reproduced(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, trials, Z_95) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), 873-890, table II: 95 %, method 10.
    [
        ((56, 14), (48, 32), 0.0524, 0.3339),
        ((9, 1), (3, 7), 0.1705, 0.8090),
        ((6, 1), (2, 5), 0.0582, 0.8062),
        ((5, 51), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 0), (0, 20), 0.6791, 1.0),
        ((10, 0), (0, 10), 0.6075, 1.0),
    ],
)
def test_published_intervals_of_a_difference_are_reproduced(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference_interval(Outcomes(*one), Outcomes(*other), Z_95)
    assert found == pytest.approx((low, high), abs=5e-5)
    turned = difference_interval(Outcomes(*other), Outcomes(*one), Z_95)
    assert turned == pytest.approx((-high, -low), abs=5e-5)


def test_published_exact_tests_are_reproduced() -> None:
    # Fisher's lady tasting tea: 17 of 70 arrangements are as good. His convicted twins: 0.000465.
    assert fisher_exact_p(Outcomes(3, 1), Outcomes(1, 3)) == pytest.approx(2 * 17 / 70)
    assert fisher_exact_p(Outcomes(10, 3), Outcomes(2, 15)) == pytest.approx(2 * 0.000465, rel=1e-3)


@given(*[st.integers(0, 30)] * 4)
def test_an_exact_p_is_what_counting_all_tables_gives(a: int, b: int, c: int, d: int) -> None:
    one, other = Outcomes(a, b), Outcomes(c, d)
    if not a + b or not c + d:
        assert fisher_exact_p(one, other) == 1
        return
    (won, n), (less, m) = sorted(
        [(a, a + b), (c, c + d)], key=lambda pair: Fraction(*pair), reverse=True
    )
    tail = sum(comb(n, k) * comb(m, won + less - k) for k in range(won, min(n, won + less) + 1))
    expected = min(1.0, 2 * tail / comb(n + m, won + less))
    assert fisher_exact_p(one, other) == pytest.approx(expected, rel=1e-9)
    assert fisher_exact_p(other, one) == pytest.approx(expected, rel=1e-9)


def test_an_exact_p_of_a_million_executions_is_found() -> None:
    # Nearly normal there: a difference of 2 standard errors has p = 0.0455.
    n, moved = 500_000, round(2 * sqrt(500_000 / 2))
    p = fisher_exact_p(Outcomes(n // 2 + moved, n // 2 - moved), Outcomes(n // 2, n // 2))
    assert p == pytest.approx(0.0455, abs=5e-4)


def test_the_published_steps_of_holm_are_reproduced() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [True, False, False, True]
    assert holm([0.0125, 0.016, 0.025, 0.05]) == [True] * 4
    assert holm([0.013, 0.0001, 0.0001, 0.06]) == [True, True, True, False]
    assert holm([]) == []


def binomial(rng: Random, n: int, p: float) -> Outcomes:
    won = sum(rng.random() < p for _ in range(n))
    return Outcomes(won, n - won)


def test_where_nothing_changes_hardly_any_answer_says_that_something_did() -> None:
    rng = Random(20_250_601)
    answers, verdicts, named = 400, 0, 0
    for _ in range(answers):
        pairs = []
        for _ in range(20):
            rate, sizes = rng.uniform(0.02, 0.98), (rng.randint(1, 60), rng.randint(1, 60))
            pairs.append((binomial(rng, sizes[0], rate), binomial(rng, sizes[1], rate)))
        found = [c for c in compare_all(pairs) if c and c.direction != "unclear"]
        verdicts += len(found)
        named += bool(found)
    assert named / answers <= 0.05  # even one in an answer
    assert verdicts / (20 * answers) <= 0.0025


def test_a_single_comparison_without_a_change_is_rarely_called_one() -> None:
    rng = Random(20_250_602)
    called = 0
    for _ in range(4_000):
        rate, n, m = rng.uniform(0.05, 0.95), rng.randint(1, 80), rng.randint(1, 80)
        (change,) = compare_all([(binomial(rng, n, rate), binomial(rng, m, rate))])
        called += change is not None and change.direction != "unclear"
    assert called / 4_000 <= 0.05


def test_a_real_change_among_twenty_groups_is_found() -> None:
    rng = Random(20_250_603)
    found = 0
    for _ in range(100):
        pairs = [(binomial(rng, 60, 0.7), binomial(rng, 60, 0.7)) for _ in range(19)]
        pairs.append((binomial(rng, 60, 0.45), binomial(rng, 60, 0.85)))
        last = compare_all(pairs)[-1]
        assert last is not None
        found += last.direction == "worse"
    assert found >= 90


def test_a_mirrored_change_says_the_opposite() -> None:
    (change,) = compare_all([(Outcomes(50, 0), Outcomes(0, 50))])
    assert change is not None
    assert change.direction == "better"
    assert mirrored(change) == change.model_copy(update={"direction": "worse"})
    assert compare_all([(Outcomes(0, 0), Outcomes(1, 1))]) == [None]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_an_interval_holds_the_rate_and_stays_within_zero_and_one(
    successes: int, failures: int
) -> None:
    trials = successes + failures
    low, high = wilson_interval(successes, trials)
    rate = successes / trials if trials else 0.5
    assert 0 <= low <= high <= 1
    assert low - 1e-12 <= rate <= high + 1e-12


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_more_of_the_same_evidence_narrows_the_interval(successes: int, failures: int) -> None:
    low, high = wilson_interval(successes, successes + failures)
    lower, higher = wilson_interval(10 * successes, 10 * (successes + failures))
    assert higher - lower < high - low


def test_pending_executions_have_no_part_in_the_rate() -> None:
    made = summarise(Measures(12, 3, 1, 8, 1.23456789, 9.87654321, 0.1 + 0.2))
    assert made.success_rate == 0.75
    assert (made.executions, made.pending) == (12, 8)
    assert (made.duration_p50, made.duration_p95, made.cost_usd) == (1.235, 9.877, 0.3)
    assert (made.cost_predictions, made.cost_error, made.cost_bias) == (None, None, None)
    assert made.effective_n is None
    waiting = summarise(Measures(8, 0, 0, 8, None, None, None))
    assert (waiting.success_rate, waiting.interval_low, waiting.interval_high) == (None,) * 3


def test_outcomes_count_by_their_confidence() -> None:
    measures = Measures(12, 8, 4, 0, None, None, None)
    made = summarise(measures._replace(success_weight=6.0, failure_weight=2.0))
    assert (made.success, made.failure) == (8, 4)
    assert (made.success_rate, made.effective_n) == (0.75, 8.0)
    same = summarise(Measures(8, 6, 2, 0, None, None, None))
    assert (made.interval_low, made.interval_high) == (same.interval_low, same.interval_high)
    unsure = summarise(Measures(3, 3, 0, 0, None, None, None)._replace(success_weight=0.0))
    assert (unsure.success_rate, unsure.effective_n) == (None, 0.0)


def test_a_change_is_that_of_the_rates_shown_however_confidences_were_added_up() -> None:
    now = Measures(40, 18, 22, 0, None, None, None, success_weight=9.0, failure_weight=3.5)
    before = now._replace(success_weight=9.0 - 1e-12, failure_weight=3.5 + 1e-12)
    assert compare(now, before).success_rate_change == 0
    less = now._replace(success_weight=2.4, failure_weight=9.6)
    found = compare(now, less)
    assert found.success_rate_change == pytest.approx(9 / 12.5 - 0.2)
    assert found.previous.success_rate == 0.2


def test_a_cost_error_is_a_factor_in_which_twice_and_half_are_equally_wrong() -> None:
    made = summarise(Measures(3, 3, 0, 0, None, None, 1.0, 3, log(2), -log(2)))
    assert (made.cost_predictions, made.cost_error, made.cost_bias) == (3, 1.0, -0.5)
    absurd = summarise(Measures(1, 1, 0, 0, None, None, float("inf"), 1, 1_400.0, 1_400.0))
    assert absurd.cost_usd is None
    assert absurd.cost_error == absurd.cost_bias == pytest.approx(8_886_109.52)


@pytest.mark.parametrize(
    ("now", "before", "direction"),
    [
        (totals(90, 10), totals(50, 50), "better"),
        (totals(50, 50), totals(90, 10), "worse"),
        (totals(0, 50), totals(50, 0), "worse"),
        (totals(50, 0), totals(0, 50), "better"),
        (totals(3, 1), totals(1, 3), "unclear"),
        (totals(5, 5), totals(5, 5), "unclear"),
        (totals(0, 0), totals(5, 5), "unclear"),
        (totals(5, 5), totals(0, 0), "unclear"),
    ],
)
def test_a_direction_needs_more_than_chance(
    now: Measures, before: Measures, direction: str
) -> None:
    trend = compare(now, before)
    assert trend.direction == direction
    assert trend.previous == summarise(before)


@given(*[st.integers(0, 200)] * 4)
def test_trends_are_symmetric(a: int, b: int, c: int, d: int) -> None:
    opposite = {"better": "worse", "worse": "better", "unclear": "unclear"}
    there, back = compare(totals(a, b), totals(c, d)), compare(totals(c, d), totals(a, b))
    assert back.direction == opposite[there.direction]
