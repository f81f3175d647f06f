"""Posteriors of success rates: bounds, order, and what is known in closed form."""

from math import lgamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.recommend.posterior import (
    LEAST_SHAPE,
    STRENGTHS,
    Counts,
    effective_sizes,
    log_gamma,
    posterior,
    weighted_quantile,
)

counts = st.floats(0, 500, allow_nan=False)
options = st.lists(st.tuples(counts, counts, st.floats(0, 1)), min_size=1, max_size=6)


def split(rows: list[tuple[float, float, float]]) -> tuple[Counts, np.ndarray]:
    success, failure, means = np.array(rows, np.float64).T
    return Counts(success, failure), means


def log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


@given(st.lists(st.floats(LEAST_SHAPE, 1e6), min_size=1, max_size=20))
def test_log_gamma_is_that_of_the_standard_library(values: list[float]) -> None:
    expected = [lgamma(value) for value in values]
    assert log_gamma(np.array(values)) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("a", [1.0, 3.0, 40.0])
def test_quantiles_are_those_of_a_beta_distribution(a: float, share: float) -> None:
    # Around 0.5, a prior of strength 2 is Beta(1, 1): the counts alone make the posterior.
    uniform = [float(strength == 2) for strength in STRENGTHS]
    evidence = Counts(np.array([a - 1, 0]), np.array([0, a - 1]))
    ((left, right),) = posterior(evidence, np.full(2, 0.5), uniform).quantiles(share)
    assert left == pytest.approx(share ** (1 / a), abs=1e-3)
    assert right == pytest.approx(1 - (1 - share) ** (1 / a), abs=1e-3)


@given(options)
def test_strengths_are_weighted_by_how_likely_they_make_the_counts(
    rows: list[tuple[float, float, float]],
) -> None:
    given, means = split(rows)
    likelihood = [
        sum(
            log_beta(max(k * mean, LEAST_SHAPE) + s, max(k * (1 - mean), LEAST_SHAPE) + f)
            - log_beta(max(k * mean, LEAST_SHAPE), max(k * (1 - mean), LEAST_SHAPE))
            for s, f, mean in rows
        )
        for k in STRENGTHS
    ]
    expected = np.exp(np.array(likelihood) - max(likelihood))
    assert posterior(given, means).strengths == pytest.approx(expected / expected.sum(), abs=1e-6)


@given(options)
def test_intervals_lie_between_0_and_1_in_order_and_around_the_mean(
    rows: list[tuple[float, float, float]],
) -> None:
    found = posterior(*split(rows))
    low, middle, high = found.quantiles(0.05, 0.5, 0.95)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert ((found.mean > 0) & (found.mean < 1)).all()
    assert found.chance_of_best().sum() == pytest.approx(1, abs=0.05)


@given(options, st.randoms(use_true_random=False))
def test_the_order_of_options_does_not_matter(
    rows: list[tuple[float, float, float]], random: st.DataObject
) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight = posterior(*split(rows)).mean
    mixed = posterior(*split([rows[i] for i in order])).mean
    assert mixed == pytest.approx(straight[order], abs=1e-9)


def test_more_evidence_moves_the_rate_further_and_makes_the_interval_narrower() -> None:
    found = posterior(Counts(np.array([0.0, 9, 90]), np.array([0.0, 1, 10])), np.full(3, 0.5))
    assert found.mean[0] == pytest.approx(0.5)
    assert found.mean[0] < found.mean[1] < found.mean[2] < 0.9
    low, high = found.quantiles(0.05, 0.95)
    assert (np.diff(high - low) < 0).all()


def test_options_that_differ_only_by_chance_are_drawn_together() -> None:
    alike = posterior(Counts(np.full(8, 10.0), np.full(8, 10.0)), np.full(8, 0.5))
    apart = posterior(Counts(np.array([19.0, 1] * 4), np.array([1.0, 19] * 4)), np.full(8, 0.5))
    assert alike.strengths[-1] > 2 * apart.strengths[-1]


def test_the_evidence_of_a_million_executions_is_not_surer_than_that_of_ten_thousand() -> None:
    found = posterior(Counts(np.array([5e5]), np.array([5e5])), np.array([0.5]))
    low, high = found.quantiles(0.05, 0.95)
    assert 0.01 < high[0] - low[0] < 0.03


def test_effective_sizes_see_through_many_weak_and_few_strong_pieces() -> None:
    groups = np.array([0] * 10 + [1] * 4 + [2])
    weights = np.array([0.1] * 10 + [1.0] * 4 + [2.0])
    assert effective_sizes(groups, weights, 4) == pytest.approx([1, 4, 1, 0])


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.01, 10)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_a_weighted_quantile_lies_among_the_values(
    pairs: list[tuple[float, float]], share: float
) -> None:
    values, weights = np.array(pairs, np.float64).T
    assert values.min() <= weighted_quantile(values, weights, share) <= values.max()


def test_a_weighted_median_follows_the_weight() -> None:
    values, weights = np.array([1.0, 100.0]), np.array([9.0, 1.0])
    assert weighted_quantile(values, weights, 0.5) < 12
