"""Intervals and trends, against published and hand-computed values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.learn.statistics import Z_90, compare, summarise, wilson_interval
from mcp_learning.models.results import Totals
from mcp_learning.store.statistics import Measures


def totals(success: int, failure: int) -> Totals:
    measures = Measures(success + failure, success, failure, 0, None, None, None)
    return summarise(measures)


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


def test_a_published_example_is_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 95 %, method 3.
    monkeypatch.setattr("mcp_learning.learn.statistics.Z_90", 1.959964)
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


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
    assert (made.duration_p50, made.duration_p95, made.cost_usd) == (1.234568, 9.876543, 0.3)
    waiting = summarise(Measures(8, 0, 0, 8, None, None, None))
    assert (waiting.success_rate, waiting.interval_low, waiting.interval_high) == (None,) * 3


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
def test_a_direction_needs_intervals_that_are_apart(
    now: Totals, before: Totals, direction: str
) -> None:
    trend = compare(now, before)
    assert trend.direction == direction
    assert trend.previous == before


@given(*[st.integers(0, 200)] * 4)
def test_trends_are_symmetric(a: int, b: int, c: int, d: int) -> None:
    opposite = {"better": "worse", "worse": "better", "unclear": "unclear"}
    there, back = compare(totals(a, b), totals(c, d)), compare(totals(c, d), totals(a, b))
    assert back.direction == opposite[there.direction]
