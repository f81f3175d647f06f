"""Beliefs in success rates: bounds, order, what is known exactly, and no pull to one half."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.recommend.belief import (
    APART,
    COMMON,
    FEW,
    OWN,
    Belief,
    Counts,
    Floats,
    logistic,
    logit_of,
    shifts,
)

Rows = list[tuple[float, float]]
counts = st.floats(0, 500, allow_nan=False)
options = st.lists(st.tuples(counts, counts), min_size=1, max_size=6)


def counted(rows: Rows) -> Counts:
    success, failure = np.array(rows, np.float64).T
    return Counts(success, success + failure)


def believed(rows: Rows) -> Belief:
    """Of options, by their counts alone."""
    given = counted(rows)
    alike = Belief.pooled(given.success.sum(), given.total.sum(), len(rows))
    return alike.after(given, APART, design_effect=1)


def test_no_other_shift_of_an_option_is_likelier() -> None:
    given, before = counted([(3, 1), (0, 7)]), logit_of(np.array([0.5, 0.2]))
    found = shifts(before, given)
    common, own = COMMON[:, None], OWN[:, None]
    covariance = common[..., None] + own[..., None] * np.eye(2)

    middle = shifts(before, counted([(0, 0), (0, 0)])).likeliest

    def height(at: Floats) -> Floats:
        mean = at - middle
        likelihood = (given.success * at - given.total * np.logaddexp(0, at)).sum(axis=-1)
        inverse = np.linalg.inv(covariance)
        return np.asarray(likelihood - 0.5 * np.einsum("ji,jik,jk->j", mean, inverse, mean))

    for step in ([0.2, 0], [-0.2, 0], [0, 0.2], [0, -0.2], [0.2, 0.2], [-0.2, -0.2]):
        assert (height(found.likeliest) > height(found.likeliest + step)).all()


def test_rates_are_means_over_what_is_unsure() -> None:
    before, none = logit_of(np.array([0.1, 0.5, 0.95])), counted([(0, 0)] * 3)
    found = shifts(before, none)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    each = found.likeliest[..., None] + np.sqrt(COMMON + OWN)[:, None, None] * points
    mean = logistic(each) @ weights / weights.sum()
    assert mean == pytest.approx(np.tile(logistic(before), (len(OWN), 1)), abs=0.02)
    assert found.logit == pytest.approx(np.tile(before, (len(OWN), 1)))


@pytest.mark.parametrize("won", [0, 100])
def test_a_hundred_like_outcomes_are_not_pulled_to_one_half(won: int) -> None:
    found = believed([(won, 100 - won), (30, 30)])
    assert abs(found.rate[0] - won / 100) < 0.03
    assert abs(found.quantiles(0)[0] - found.rate[0]) < 1e-9


@given(options)
def test_intervals_lie_between_0_and_1_in_order_and_around_the_mean(rows: Rows) -> None:
    found = believed(rows)
    low, high = found.quantiles(-1.6), found.quantiles(1.6)
    assert ((low >= 0) & (low <= found.rate)).all()
    assert ((found.rate <= high) & (high <= 1)).all()
    assert found.chance_of_best().sum() == pytest.approx(1, abs=0.1)


@given(options, st.randoms(use_true_random=False))
def test_the_order_of_options_does_not_matter(rows: Rows, random: st.DataObject) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    straight, mixed = believed(rows).rate, believed([rows[i] for i in order]).rate
    assert mixed == pytest.approx(straight[order], abs=1e-6)


def test_more_evidence_moves_the_rate_further_and_makes_the_interval_narrower() -> None:
    found = believed([(0, 0), (9, 1), (90, 10), (100, 100)])
    assert found.rate[0] < found.rate[1] < found.rate[2] <= 0.9
    width = found.quantiles(1.6) - found.quantiles(-1.6)
    assert (np.diff(width[:3]) < 0).all()


def test_options_that_differ_only_by_chance_are_drawn_together() -> None:
    alike = believed([(6, 4), (4, 6)] * 4)
    apart = believed([(10, 0), (0, 10)] * 4)
    assert np.ptp(alike.rate) < 0.1
    assert np.ptp(apart.rate) > 0.7


def test_what_all_options_fail_at_is_expected_of_an_option_that_was_not_tried() -> None:
    usual = believed([(50, 50)] * 3)
    hard = usual.after(counted([(0, 8), (0, 8), (0, 0)]), FEW)
    assert hard.rate[2] < 0.3
    assert (hard.shared > usual.shared).all()


def test_a_level_without_evidence_changes_nothing() -> None:
    usual = believed([(5, 20), (20, 5)])
    after = usual.after(counted([(0, 0), (0, 0)]), FEW)
    assert after.rate == pytest.approx(usual.rate)
    assert after.quantiles(1.6) == pytest.approx(usual.quantiles(1.6))


def test_what_one_option_did_says_less_of_the_others_than_what_all_did() -> None:
    usual = believed([(50, 50)] * 4)
    alone = usual.after(counted([(0, 24), (0, 0), (0, 0), (0, 0)]), FEW)
    together = usual.after(counted([(0, 8), (0, 8), (0, 8), (0, 0)]), FEW)
    assert alone.rate[0] < 0.1
    assert together.rate[3] < alone.rate[3] - 0.1


def test_several_tasks_at_once_are_believed_as_each_alone() -> None:
    some = [counted([(3, 1), (1, 5)]), counted([(0, 9), (2, 2)])]
    stacked = Counts(np.stack([c.success for c in some]), np.stack([c.total for c in some]))
    sums = stacked.success.sum(axis=1), stacked.total.sum(axis=1)
    together = Belief.pooled(*sums, 2).after(stacked, FEW)
    for at, one in enumerate(some):
        alone = Belief.pooled(one.success.sum(), one.total.sum(), 2).after(one, FEW)
        assert together.rate[at] == pytest.approx(alone.rate, abs=1e-3)
