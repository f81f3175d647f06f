"""Scores of predicted probabilities, against what they are by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.recommend.scores import curve, score

pairs = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50)


def test_a_constant_prediction_scores_as_a_coin_does() -> None:
    happened = np.array([True, False] * 50)
    found = score(np.full(100, 0.5), happened)
    assert found.log_loss == pytest.approx(np.log(2))
    assert (found.brier, found.auc, found.ece) == pytest.approx((0.25, 0.5, 0))


def test_a_perfect_prediction_separates_all() -> None:
    happened = np.array([True, False, True])
    found = score(happened.astype(float), happened)
    assert found.auc == 1
    assert found.brier == 0
    assert found.log_loss < 0.01


def test_without_both_outcomes_nothing_can_be_told_apart() -> None:
    assert score(np.array([0.3, 0.6]), np.array([True, True])).auc is None


@given(pairs)
def test_scores_stay_within_their_bounds(rows: list[tuple[float, bool]]) -> None:
    predicted, happened = np.array([p for p, _ in rows]), np.array([h for _, h in rows])
    found = score(predicted, happened)
    assert 0 <= found.brier <= 1
    assert 0 <= found.ece <= 1
    assert found.log_loss >= 0
    assert sum(one.count for one in curve(predicted, happened)) == len(rows)


@given(pairs)
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[float, bool]]) -> None:
    won = [p for p, happened in rows if happened]
    lost = [p for p, happened in rows if not happened]
    found = score(np.array([p for p, _ in rows]), np.array([h for _, h in rows])).auc
    if not won or not lost:
        assert found is None
        return
    right = sum((a > b) + 0.5 * (a == b) for a in won for b in lost)
    assert found == pytest.approx(right / (len(won) * len(lost)))
