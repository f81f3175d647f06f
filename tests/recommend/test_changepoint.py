"""Whether an option still works as it did: on tasks like the one at hand, and everywhere."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mcp_learning.recommend import changepoint
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.changepoint import unchanged_on_all_tasks, unchanged_on_similar_tasks
from mcp_learning.recommend.evidence import Ints, corrected_outcome
from mcp_learning.search.fusion import REFERENCE_NOISE

KINDS = 30


def on_all_tasks(
    ended: list[int],
    kinds: list[int],
    places: list[int] | None = None,
    confidence: Floats | None = None,
) -> Floats:
    """With tasks of the same kind all alike, and of others not at all."""

    def vectors(at: Ints) -> NDArray[np.float32]:
        return np.asarray(np.eye(KINDS, dtype=np.float32)[np.array(kinds, np.int64)[at]])

    sure = np.ones(len(ended)) if confidence is None else confidence
    place = np.array([0] * len(ended) if places is None else places, np.int64)
    corrected = corrected_outcome(np.array(ended, bool), sure)
    return unchanged_on_all_tasks(corrected, sure**2, place, vectors, REFERENCE_NOISE)


def test_what_came_before_a_lasting_change_counts_little() -> None:
    ended = np.array([1] * 15 + [0] * 7, bool)
    unchanged = unchanged_on_similar_tasks(np.zeros(22, np.int64), ended, np.ones(22), 1)
    assert unchanged[:14].max() < 0.05
    assert unchanged[-5:].min() > 0.9


def test_a_change_shows_on_tasks_that_are_less_alike_too() -> None:
    ended = np.array([1] * 30 + [0] * 12, bool)
    unchanged = unchanged_on_similar_tasks(np.zeros(42, np.int64), ended, np.full(42, 0.25), 1)
    assert unchanged[:29].max() < 0.3


def test_an_option_that_succeeds_by_chance_keeps_most_of_its_evidence() -> None:
    rng = np.random.default_rng(3)
    ended = rng.random((50, 40)) < 0.7
    unchanged = [
        unchanged_on_similar_tasks(np.zeros(40, np.int64), one, np.ones(40), 1).mean()
        for one in ended
    ]
    assert np.mean(unchanged) > 0.7


def test_what_an_option_did_before_it_broke_on_all_tasks_counts_little() -> None:
    ended = [1] * 40 + [0] * 12
    unchanged = on_all_tasks(ended, [number % KINDS for number in range(52)])
    assert unchanged[:39].max() < 0.05
    assert unchanged[-10:].min() > 0.9


def test_older_executions_than_are_looked_at_share_the_doubt() -> None:
    count = changepoint.MOST_SEARCHED + 100
    ended = [1] * (count - 12) + [0] * 12
    unchanged = on_all_tasks(ended, [number % KINDS for number in range(count)])
    assert unchanged[:100].max() < 0.05


def test_a_change_is_remembered_however_long_it_is_past() -> None:
    count = 2 * changepoint.MOST_SEARCHED
    kinds = [number % KINDS for number in range(2 * count)]
    ended = ([1, 1, 1, 1, 0] * count)[:count] + ([0, 0, 0, 0, 1] * count)[:count]
    unchanged = on_all_tasks(ended, kinds)
    assert unchanged[: count - 1].max() < 0.05
    success = np.array(ended, bool)
    here = unchanged_on_similar_tasks(np.zeros(2 * count, np.int64), success, np.ones(2 * count), 1)
    assert here[: count - 1].max() < 0.05


def test_failures_in_a_row_on_one_kind_of_task_say_nothing_of_others() -> None:
    ended = [1, 1, 1, 1, 0] * 8 + [0] * 12
    unchanged = on_all_tasks(ended, [number % KINDS for number in range(40)] + [7] * 12)
    assert unchanged.min() > 0.9
    assert on_all_tasks(ended, [number % KINDS for number in range(52)]).min() < 0.05


def test_failures_before_lasting_success_are_kept() -> None:
    ended = [0] * 40 + [1] * 12
    assert on_all_tasks(ended, [number % KINDS for number in range(52)]).min() == 1


def test_going_on_to_a_repository_of_harder_tasks_is_no_change() -> None:
    ended, kinds = [1, 1, 1, 1, 0] * 16 + [0, 0, 0, 1] * 20, [n % KINDS for n in range(160)]
    assert on_all_tasks(ended, kinds, [0] * 80 + [1] * 80).min() > 0.9
    assert on_all_tasks(ended, kinds).min() < 0.05
    older = [0] * changepoint.MOST_SEARCHED + [1] * 80
    assert on_all_tasks([1] * len(older[:-80]) + [0, 0, 0, 1] * 20, kinds * 2, older).min() > 0.9


def test_an_option_that_breaks_in_several_repositories_has_changed() -> None:
    ended, kinds = [1] * 60 + [0] * 20, [n % KINDS for n in range(80)]
    unchanged = on_all_tasks(ended, kinds, [n % 4 for n in range(80)])
    assert unchanged[:59].max() < 0.05
    assert unchanged[-10:].min() > 0.9


def test_outcomes_that_are_less_sure_from_some_day_on_are_no_change() -> None:
    ended = [1, 1, 1, 1, 1, 1, 1, 1, 1, 0] * 10 + [1, 1, 0] * 30  # 0.9, recorded as 0.66
    kinds = [number % KINDS for number in range(len(ended))]
    sure = np.array([1.0] * 100 + [0.4] * 90)
    assert on_all_tasks(ended, kinds, None, sure).min() > 0.9
    assert on_all_tasks(ended, kinds).min() < 0.5


RUNS = st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 3)), max_size=300)


@given(RUNS, st.floats(0, 3), st.floats(0.3, 1))
def test_what_is_kept_is_a_share_of_every_execution(
    runs: list[tuple[int, bool, int]], weight: float, sure: float
) -> None:
    option, ended, kinds = np.array(runs, np.int64).reshape(-1, 3).T
    confidence = np.full(len(runs), sure)
    over_all = on_all_tasks(ended.tolist(), kinds.tolist(), option.tolist(), confidence)
    here = unchanged_on_similar_tasks(option, ended > 0, np.full(len(runs), weight), 4)
    for unchanged in (over_all, here):
        assert len(unchanged) == len(runs)
        assert ((unchanged >= 0) & (unchanged <= 1)).all()
