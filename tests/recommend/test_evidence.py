"""How much an execution counts: bounded, fading, and less once a later one ended otherwise."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.models.folding import normalised
from mcp_learning.recommend import choice
from mcp_learning.recommend.belief import COMMON, OWN, Counts
from mcp_learning.recommend.estimate import (
    UNKNOWN,
    Background,
    Estimate,
    Regularities,
    estimate,
    usual,
)
from mcp_learning.recommend.evidence import (
    LEVELS,
    Evidence,
    Where,
    closeness,
    corrected_outcome,
    counts_of,
    recency,
)
from mcp_learning.recommend.labels import merge
from mcp_learning.recommend.votes import weight_of
from mcp_learning.store.types import Vote

votes = st.floats(0, 1e6)


def estimated(
    option: list[int],
    success: list[int],
    options: int,
    *,
    of_type: bool = False,
    learned: Regularities = UNKNOWN,
    **given: list[float],
) -> Estimate:
    """What follows from executions of different tasks, `of_type` or not, if these are all."""
    count = len(option)
    confidence = np.array(given.get("confidence", [1.0] * count))
    evidence = Evidence(
        option=np.array(option, np.int64),
        success=np.array(success, bool),
        corrected=corrected_outcome(np.array(success, bool), confidence),
        similarity=np.array(given.get("similarity", [0.9] * count)),
        same=np.zeros(count, bool),
        weight=recency(np.array(given.get("age_days", [0.0] * count)), 90) * confidence**2,
    )
    counts = counts_of(evidence.option, evidence.corrected, evidence.weight, options)
    sums = float(counts.success.sum()), float(counts.total.sum())
    believed = usual(*sums, counts)
    places: dict[Where, Counts] = {"task_type": counts} if of_type else {}
    background = Background(*sums, believed, believed.rate, places)
    return estimate(evidence, background, options, learned)


def options_differ_by_kind(variance: float) -> Regularities:
    """A history that shows by how much, on the logit, and that kinds differ little in common."""
    levels = list(UNKNOWN.levels)
    pair = (variance == OWN) & (COMMON.min() == COMMON)
    levels[LEVELS.index("near")] = np.where(pair, 1.0, 1e-9)
    return replace(UNKNOWN, levels=levels)


def test_a_half_life_halves_and_likeness_counts_from_none_to_all() -> None:
    assert recency(np.array([0.0, 30, 60]), 30) == pytest.approx([1, 0.5, 0.25])
    assert recency(np.array([-1.0, 45, 75]), 30) == pytest.approx([1, 2**-1.5, 2**-2.5])
    assert closeness(np.array([0.0, 0.3, 0.525, 0.75, 1])) == pytest.approx([0, 0, 0.25, 1, 1])


def test_evidence_weighs_the_same_a_moment_later() -> None:
    age_days = np.arange(0.1, 200, 0.9)
    a_minute_later = age_days + 1 / 1440
    assert recency(a_minute_later, 90).tolist() == recency(age_days, 90).tolist()


@given(votes, votes)
def test_votes_never_more_than_double_or_halve_a_weight(pro: float, contra: float) -> None:
    weight = weight_of(Vote(pro, contra))
    assert 0.5 <= weight <= 2
    assert (weight > 1) <= (pro > contra)
    assert (weight < 1) <= (pro < contra)


def test_a_single_vote_changes_a_weight_by_less_than_a_fifth() -> None:
    assert 1 < weight_of(Vote(1, 0)) < 1.2
    assert 1 / 1.2 < weight_of(Vote(0, 1)) < 1


def test_recent_outcomes_outweigh_old_ones() -> None:
    ages = [400.0] * 3 + [1.0] * 3
    improving = estimated([0] * 6, [0, 0, 0, 1, 1, 1], 1, age_days=ages)
    worsening = estimated([0] * 6, [1, 1, 1, 0, 0, 0], 1, age_days=ages)
    assert improving.mean[0] > 0.6 > 0.4 > worsening.mean[0]


def test_unsure_outcomes_say_less() -> None:
    told, guessed = ([0] * 10, [0] * 10, 1), [0.5] * 10
    sure, unsure = estimated(*told), estimated(*told, confidence=guessed)
    assert sure.mean[0] < unsure.mean[0]
    assert unsure.effective[0] == pytest.approx(sure.effective[0] / 4, rel=0.05)


def test_outcomes_that_are_right_only_now_and_then_do_not_pull_a_rate_to_one_half() -> None:
    rng, confidence = np.random.default_rng(1), np.full(4_000, 0.5)
    recorded = rng.random(4_000) < 0.5 + 0.5 * (0.1 - 0.5)
    options, weight = np.arange(4_000) % 2, confidence**2
    success, total = counts_of(options, corrected_outcome(recorded, confidence), weight, 2)
    assert total == pytest.approx([500, 500])
    assert success / total == pytest.approx([0.1, 0.1], abs=0.05)
    for won in (True, False):
        few = counts_of(
            np.zeros(1, np.int64),
            corrected_outcome(np.array([won]), np.array([0.3])),
            weight[:1],
            1,
        )
        assert few.success[0] == won * few.total[0]


def test_an_option_with_one_success_does_not_beat_one_with_twenty() -> None:
    option, ended = [0] * 22 + [1] + [2] * 10, [1] * 20 + [0, 0] + [1] + [0] * 10
    found = estimated(option, ended, 3)
    assert found.mean[0] > found.mean[1] > found.mean[2]


@pytest.mark.parametrize(("variance", "first"), [(0.01, 0), (2.0, 1)])
def test_the_best_option_of_all_is_left_after_failures_only_where_options_suit_different_kinds(
    variance: float, first: int
) -> None:
    unlike = [0] * 50 + [1] * 50
    ended = [1] * 40 + [0] * 10 + [1] * 20 + [0] * 30
    found = estimated(
        [*unlike, 0, 0, 0, 0],
        [*ended, 0, 0, 0, 0],
        2,
        similarity=[0.05] * 100 + [0.9] * 4,
        learned=options_differ_by_kind(variance),
    )
    assert found.order[0] == first


def test_a_difference_is_called_one_only_when_it_is_sure() -> None:
    sure = estimated([0] * 20 + [1] * 20, [1] * 19 + [0] + [0] * 19 + [1], 2)
    unsure = estimated([0] * 3 + [1] * 3, [1, 1, 0, 0, 1, 0], 2)
    alone = estimated([0] * 20, [1] * 20, 1)
    assert (sure.better, unsure.better, alone.better) == (True, False, False)


def test_a_difference_on_the_type_of_task_told_is_called_one_without_similar_tasks() -> None:
    option, ended, unlike = [0] * 40 + [1] * 40, [1] * 40 + [0] * 40, [0.05] * 80
    told = estimated(option, ended, 2, of_type=True, similarity=unlike)
    assert told.better
    assert told.worse.tolist() == [False, True]
    assert not estimated(option, ended, 2, similarity=unlike).better


def test_rates_are_not_pulled_to_one_half_where_nothing_similar_is_known() -> None:
    option, ended = [0] * 100 + [1] * 100, [0] * 100 + [1] * 100
    found = estimated(option, ended, 2, similarity=[0.05] * 200)
    assert found.mean[0] < 0.08
    assert found.mean[1] > 0.92
    assert found.high[0] < 0.12
    assert found.effective.tolist() == [0, 0]


def test_runs_of_other_tasks_move_a_rate_less_where_runs_of_one_task_end_alike() -> None:
    option, ended, similarity = [0] * 45, [1, 0] * 20 + [0] * 5, [0.05] * 40 + [0.9] * 5

    def rate(design_effect: float) -> float:
        learned = replace(UNKNOWN, design_effect=design_effect)
        return float(estimated(option, ended, 1, learned=learned, similarity=similarity).mean[0])

    unlike = float(estimated(option[:40], ended[:40], 1, similarity=similarity[:40]).mean[0])
    assert rate(1) < rate(5) < unlike


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0, 1)), max_size=30))
def test_the_same_evidence_gives_the_same_judgement_within_bounds(
    pieces: list[tuple[int, bool, float]],
) -> None:
    option, ended = [one[0] for one in pieces], [int(one[1]) for one in pieces]
    near = [one[2] for one in pieces]
    first, again = (estimated(option, ended, 4, similarity=near) for _ in range(2))
    assert first.order.tolist() == again.order.tolist()
    assert (first.mean == again.mean).all()
    assert ((first.low >= 0) & (first.low <= first.mean)).all()
    assert ((first.mean <= first.high) & (first.high <= 1)).all()


def test_spellings_of_one_label_are_one_option_under_the_commonest() -> None:
    labels = ["", "lock-order", "Lock order", "lock_order", "retry"]
    merged = merge(labels, np.array([1, 2, 2, 3, 4, 0], np.int32))
    assert merged.names == ["Lock order", "retry"]
    assert merged.number.tolist() == [-1, 0, 0, 0, 1]
    assert normalised("  A/b.c  ") == "a b c"
    assert normalised("---") == "---"


def test_of_options_without_evidence_at_most_one_is_shown_and_only_if_it_may_be_better() -> None:
    failing = estimated([0] * 6, [0] * 6, 3)
    assert len(choice.shown(failing.order.tolist(), failing)) == 2
    similar = [0.9] * 30 + [0.0] * 40
    option, ended = [0] * 30 + [1] * 40, [1] * 30 + [0] * 40
    clear = estimated(option, ended, 2, similarity=similar)
    assert choice.shown(clear.order.tolist(), clear) == [0]
    unknown = estimated([0, 1, 1], [1, 0, 1], 2, similarity=[0.0] * 3)
    assert choice.shown(unknown.order.tolist(), unknown) == unknown.order.tolist()
