"""A replay predicts from earlier executions only, and says when there are too few."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from mcp_learning.recommend.evaluation import evaluate
from mcp_learning.recommend.replay import Replay, predictions, replay
from mcp_learning.store.past_run import PastRun

START = datetime(2025, 1, 1)


def past(
    number: int,
    label: str,
    success: bool | None,
    *,
    axis: int = 0,
    late: float = 0.0,
    task: int = 0,
    against: Sequence[float] = (),
) -> PastRun:
    """The execution of a day, of one of several kinds of work that have nothing in common."""
    at = START + timedelta(days=number)
    vector = np.zeros(8, np.float32)
    vector[axis] = 1
    text = (f"work of kind{axis}", None, None, None)
    changed = at + timedelta(days=late)
    votes = tuple((START + timedelta(days=day), False) for day in against)
    kind = f"kind{axis}"
    return PastRun(at, changed, task or number, "", kind, label, success, text, vector, votes)


def run(history: Sequence[PastRun]) -> Replay:
    return replay(history, "approach", 0.3, 90, 1_000, lambda *_: None)


def alternating(count: int) -> list[PastRun]:
    """Two options: a succeeds and b fails on one kind of work, and the other way round."""
    return [
        past(n, "ab"[n % 2], (n % 2 == 0) == (n % 4 < 2), axis=n % 4 // 2) for n in range(count)
    ]


def test_what_depends_on_the_kind_of_work_is_predicted_better_than_by_the_option_alone() -> None:
    found = evaluate(run(alternating(200)))
    assert found.ours is not None
    assert found.per_option is not None
    assert found.ours.log_loss < 0.5 * found.per_option.log_loss
    assert found.ours.auc == pytest.approx(1, abs=0.05)
    assert found.following is not None
    assert found.following.rate > 0.9 > found.following.logged
    assert found.following.regret is not None
    assert found.following.regret < 0
    assert found.thin == []


def test_nothing_later_changes_a_prediction() -> None:
    history = alternating(40)
    whole = run(history).predicted
    opposite = [past(n, "a", False) for n in range(40, 60)]
    assert run([*history, *opposite]).predicted[:40] == pytest.approx(whole)


def test_an_outcome_that_came_in_later_was_not_known_yet() -> None:
    known = [past(n, "a", True) for n in range(10)]
    unknown = [past(n, "a", True, late=100) for n in range(10)]
    last = past(10, "a", True)
    assert run([*known, last]).predicted[-1] > 0.8
    assert run([*unknown, last]).predicted[-1] == pytest.approx(0.5)


def test_a_vote_counts_from_when_it_was_known() -> None:
    def rate(*against: float) -> float:
        won = [past(n, "a", True, against=against) for n in range(3)]
        lost = [past(n, "a", False) for n in range(3, 6)]
        return float(run([*won, *lost, past(6, "a", True)]).predicted[-1])

    assert rate(5.5, 5.6) < rate(5.5) < rate()
    assert rate(6.0) == rate(7.0) == rate()


def test_an_option_that_was_never_taken_before_is_expected_to_be_as_others_are() -> None:
    succeeding = run([*(past(n, "a", True) for n in range(20)), past(20, "new", True)])
    failing = run([*(past(n, "a", False) for n in range(20)), past(20, "new", True)])
    assert 0.5 < succeeding.predicted[-1] < 0.97
    assert 0.03 < failing.predicted[-1] < 0.5
    assert not succeeding.followed[-1]


def test_what_would_have_been_recommended_is_what_an_agent_is_told_first() -> None:
    history = [past(n, "other", True) for n in range(40)]  # of another type, but the same text
    history = [replace(one, task_type="another") for one in history]
    history += [past(n, "usual", n % 3 > 0) for n in range(40, 44)]
    *_, last = predictions(history, "approach", 0.3, 90, 1)
    options = last.recommended.gathered.names
    best, first = options[last.recommended.estimate.order[0]], last.first
    assert (best, first) == ("other", "usual")


def test_if_all_outcomes_were_the_other_way_round_so_would_be_all_predictions() -> None:
    history = [past(n, "aab"[n % 3], n % 5 > 1, axis=n % 2, task=n % 40) for n in range(120)]
    turned = [replace(one, success=not one.success) for one in history]
    found, mirrored = run(history), run(turned)
    assert found.predicted == pytest.approx(1 - mirrored.predicted)
    assert found.by_option == pytest.approx(1 - mirrored.by_option)


def test_renaming_options_changes_no_prediction() -> None:
    names = {"a": "zeta", "b": "alpha"}
    renamed = [replace(one, label=names[one.label]) for one in alternating(80)]
    assert run(renamed).predicted == pytest.approx(run(alternating(80)).predicted)


def test_what_has_not_ended_or_names_no_option_or_is_not_embedded_is_not_predicted() -> None:
    known = alternating(20)
    rest = [past(20, "a", None), past(21, "", True), replace(past(22, "a", True), vector=None)]
    assert len(run([*known, *rest]).predicted) == 20


def test_a_short_history_is_called_too_thin() -> None:
    found = evaluate(run([past(n, "a", n != 3) for n in range(5)]))
    assert found.following is None
    assert len(found.thin) == 3
    assert "only 5 executions" in found.thin[0]


def test_no_history_gives_no_scores() -> None:
    found = evaluate(run([]))
    assert (found.predictions, found.ours) == (0, None)
    assert found.thin


def test_advice_that_a_history_misleads_is_reported_as_worse_than_plain_rates() -> None:
    turning = [past(n, "a", n // 2 % 2 == n // 16 % 2, axis=n // 2 % 8) for n in range(128)]
    found = evaluate(run(turning))
    assert found.thin == []
    assert "worse than the rate per option" in found.missed[0]
    assert "calibration error" in found.missed[1]
    assert evaluate(run(alternating(200))).missed == []


def test_outcomes_that_are_right_only_now_and_then_are_predicted_as_they_are_recorded() -> None:
    rng = np.random.default_rng(5)
    won = rng.random(200) < 0.5 + 0.4 * (0.9 - 0.5)
    unsure = [replace(past(n, "a", bool(one)), confidence=0.4) for n, one in enumerate(won)]
    found = run([*unsure, past(200, "a", True)])
    assert found.predicted[-1] == pytest.approx(0.9, abs=0.12)
    assert found.by_option[-1] == pytest.approx(0.9, abs=0.12)
    assert found.predicted[100:200].mean() == pytest.approx(0.66, abs=0.05)
