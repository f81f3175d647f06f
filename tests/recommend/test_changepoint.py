"""Whether an option still works as it did: on tasks like the one at hand, and everywhere."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mcp_learning.recommend import changepoint
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.changepoint import unchanged_on_all_tasks, unchanged_on_similar_tasks
from mcp_learning.recommend.evidence import Ints
from mcp_learning.search.fusion import REFERENCE_NOISE

KINDS = 30


def on_all_tasks(option: list[int], ended: list[int], kinds: list[int]) -> Floats:
    """With tasks of the same kind all alike, and of others not at all."""

    def vectors(at: Ints) -> NDArray[np.float32]:
        return np.asarray(np.eye(KINDS, dtype=np.float32)[np.array(kinds)[at]])

    numbers, success = np.array(option, np.int64), np.array(ended, bool)
    options = max(option, default=0) + 1
    return unchanged_on_all_tasks(numbers, success, vectors, REFERENCE_NOISE, options)


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
    unchanged = on_all_tasks([0] * 52, ended, [number % KINDS for number in range(52)])
    assert unchanged[:39].max() < 0.05
    assert unchanged[-10:].min() > 0.9


def test_older_executions_than_are_looked_at_share_the_doubt() -> None:
    count = changepoint.MOST_SEARCHED + 100
    ended = [1] * (count - 12) + [0] * 12
    unchanged = on_all_tasks([0] * count, ended, [number % KINDS for number in range(count)])
    assert unchanged[:100].max() < 0.05


def test_a_change_is_remembered_however_long_it_is_past() -> None:
    count = 2 * changepoint.MOST_SEARCHED
    kinds = [number % KINDS for number in range(2 * count)]
    ended = ([1, 1, 1, 1, 0] * count)[:count] + ([0, 0, 0, 0, 1] * count)[:count]
    unchanged = on_all_tasks([0] * (2 * count), ended, kinds)
    assert unchanged[: count - 1].max() < 0.05
    success = np.array(ended, bool)
    here = unchanged_on_similar_tasks(np.zeros(2 * count, np.int64), success, np.ones(2 * count), 1)
    assert here[: count - 1].max() < 0.05


def test_failures_in_a_row_on_one_kind_of_task_say_nothing_of_others() -> None:
    ended = [1, 1, 1, 1, 0] * 8 + [0] * 12
    unchanged = on_all_tasks([0] * 52, ended, [number % KINDS for number in range(40)] + [7] * 12)
    assert unchanged.min() > 0.9
    assert on_all_tasks([0] * 52, ended, [number % KINDS for number in range(52)]).min() < 0.05


def test_failures_before_lasting_success_are_kept() -> None:
    ended = [0] * 40 + [1] * 12
    assert on_all_tasks([0] * 52, ended, [number % KINDS for number in range(52)]).min() == 1


def test_options_are_looked_at_each_alone_and_those_without_number_not_at_all() -> None:
    option = [0, 1, -1] * 52
    ended = [1, 1, 1] * 40 + [0, 1, 0] * 12
    unchanged = on_all_tasks(option, ended, [number // 3 % KINDS for number in range(156)])
    assert unchanged[0] < 0.05
    assert unchanged[1::3].min() > 0.9
    assert (unchanged[2::3] == 1).all()


RUNS = st.lists(st.tuples(st.integers(-1, 3), st.booleans(), st.integers(0, 3)), max_size=300)


@given(RUNS, st.floats(0, 3))
def test_what_is_kept_is_a_share_of_every_execution(
    runs: list[tuple[int, bool, int]], weight: float
) -> None:
    option = [one[0] for one in runs]
    over_all = on_all_tasks(option, [one[1] for one in runs], [one[2] for one in runs])
    known = np.array([one for one in runs if one[0] >= 0], np.int64).reshape(-1, 3)
    here = unchanged_on_similar_tasks(known[:, 0], known[:, 1] > 0, np.full(len(known), weight), 4)
    assert (len(over_all), len(here)) == (len(runs), len(known))
    for unchanged in (over_all, here):
        assert ((unchanged >= 0) & (unchanged <= 1)).all()
