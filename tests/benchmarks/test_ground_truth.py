import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.scale.ground_truth import recall, thresholds


def unit(*degrees: float) -> NDArray[np.float32]:
    """Unit vectors in the plane at these angles: the smaller the angle to 0, the nearer."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


QUERY = unit(0)


def recall_of(vectors: NDArray[np.float32], rows: list[int], k: int) -> float:
    least = thresholds(vectors, QUERY, k)
    return recall(vectors, QUERY, [np.array(rows, np.int64)], least, k)


def test_the_threshold_is_the_similarity_of_the_kth_nearest() -> None:
    vectors = unit(40, 10, 30, 20)
    assert thresholds(vectors, QUERY, 2) == pytest.approx(np.cos(np.radians([20])))


def test_of_fewer_rows_than_wanted_all_count() -> None:
    vectors = unit(10, 20)
    assert recall_of(vectors, [0, 1], 10) == 1
    assert recall_of(vectors, [1], 10) == 0.5


def test_either_of_two_rows_that_tie_for_the_last_place_is_right() -> None:
    vectors = unit(10, 20, -20, 30)
    assert recall_of(vectors, [0, 1], 2) == 1
    assert recall_of(vectors, [0, 2], 2) == 1
    assert recall_of(vectors, [0, 3], 2) == 0.5


def test_any_of_many_equal_rows_are_right_but_none_twice() -> None:
    vectors = unit(10, 10, 10, 10, 50)
    assert recall_of(vectors, [2, 3], 2) == 1
    assert recall_of(vectors, [3, 3], 2) == 0.5
    assert recall_of(vectors, [4, 0], 2) == 0.5


def test_rows_after_the_kth_do_not_count() -> None:
    vectors = unit(10, 20, 30, 40)
    assert recall_of(vectors, [3, 0, 1], 2) == 0.5


def test_an_empty_answer_finds_nothing() -> None:
    assert recall_of(unit(10, 20), [], 1) == 0


@pytest.mark.parametrize("rows", [10, 49_999, 120_001])
def test_thresholds_are_exact_over_several_chunks(rows: int) -> None:
    rng = np.random.default_rng(rows)
    vectors = rng.standard_normal((rows, 4)).astype(np.float32)
    queries = rng.standard_normal((3, 4)).astype(np.float32)
    expected = np.sort(vectors @ queries.T, axis=0)[-10]
    np.testing.assert_allclose(thresholds(vectors, queries), expected, rtol=1e-5)
