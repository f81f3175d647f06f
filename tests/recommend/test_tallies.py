"""Sums of evidence: how many whole pieces they amount to, and quantiles by weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.recommend.tallies import effective_sizes, heaviest_of_each, weighted_quantile


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


def test_every_group_has_its_share_of_the_heaviest() -> None:
    groups = np.array([0] * 6 + [1] * 3 + [2] * 2)
    weights = np.array([9.0, 8, 7, 6, 5, 4, 0.3, 0.1, 0.2, 1, 0])
    assert heaviest_of_each(groups, weights, 3, 6).tolist() == [0, 1, 2, 9, 6, 8]
    assert heaviest_of_each(groups, weights, 3, 99).tolist() == [*range(6), 9, 6, 8, 7]
    assert heaviest_of_each(groups[:0], weights[:0], 3, 5).tolist() == []


def test_a_weighted_median_follows_the_weight() -> None:
    values, weights = np.array([1.0, 100.0]), np.array([9.0, 1.0])
    assert weighted_quantile(values, weights, 0.5) < 12
