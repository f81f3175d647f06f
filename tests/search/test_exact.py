"""The matrix in memory against brute force."""

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mcp_learning.search import mapped_array
from mcp_learning.search.arrays import top_k, top_k_bound
from mcp_learning.search.exact import VectorMatrix, cosines

DIMENSION = 16
signs = arrays(np.float32, DIMENSION, elements=st.sampled_from([-0.25, 0.25]))
"""Unit vectors whose similarities are multiples of 1/8: exact in floats, with many ties."""

puts = st.lists(st.dictionaries(st.integers(0, 40), signs, max_size=6), max_size=10)


def put(matrix: VectorMatrix, rows: dict[int, NDArray[np.float32]]) -> None:
    values = np.array(list(rows.values()), np.float32).reshape(-1, DIMENSION)
    matrix.put(np.array(list(rows), np.int64), values)


def brute_force(rows: dict[int, NDArray[np.float32]], query: NDArray[np.float32]) -> list[float]:
    """The similarity of each row up to 49; 0 where there is no vector."""
    nothing = np.zeros(DIMENSION)
    return [float(np.dot(rows.get(row, nothing).astype(float), query)) for row in range(50)]


@pytest.fixture(params=["in memory", "in a file"])
def make_matrix(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], VectorMatrix]:
    """Makes a matrix that is kept in memory, or in a file from twenty rows on."""
    if request.param == "in memory":
        return lambda: VectorMatrix(DIMENSION)
    if not mapped_array.supported():
        pytest.skip("vectors are kept in memory on this system")
    sizes = {"mapped_from_bytes": 20 * DIMENSION * 4, "mapped_growth": 8}
    return lambda: VectorMatrix(DIMENSION, tmp_path / "index", **sizes)


@given(
    steps=puts,
    query=signs,
    chosen=st.lists(st.integers(0, 49), unique=True).map(sorted),
)
@settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_similarities_equal_brute_force_whatever_was_put_where(
    make_matrix: Callable[[], VectorMatrix],
    steps: list[dict[int, NDArray[np.float32]]],
    query: NDArray[np.float32],
    chosen: list[int],
) -> None:
    matrix, rows = make_matrix(), dict[int, NDArray[np.float32]]()
    for step in steps:
        put(matrix, step)
        matrix.release()
        rows |= step
    expected = brute_force(rows, query)
    vectors = matrix.view(50)
    assert cosines(vectors, query).tolist() == expected
    some = np.array(chosen, np.int64)
    assert cosines(vectors, query, some).tolist() == [expected[row] for row in chosen]
    kept = matrix.compacted(some)
    assert cosines(kept.view(len(chosen)), query).tolist() == [expected[row] for row in chosen]


@given(values=st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75]), max_size=30), k=st.integers(1, 40))
@settings(deadline=None, max_examples=100)
def test_the_greatest_come_first_with_all_that_tie_for_the_last_place(
    values: list[float], k: int
) -> None:
    ranked = sorted(values, reverse=True)
    least = ranked[min(k, len(ranked)) - 1] if ranked else 0.0
    expected = ranked if k >= len(ranked) else [value for value in ranked if value >= least]
    found = top_k(np.array(values, np.float32), k).tolist()
    assert [values[at] for at in found] == expected
    assert len(set(found)) == len(found)


@given(
    kinds=st.integers(1, 10_000),
    zeros=st.floats(0, 1),
    rows=st.integers(1, 20_000),
    k=st.integers(1, 40),
    seed=st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_the_greatest_of_thousands_are_those_of_a_sort(
    kinds: int, zeros: float, rows: int, k: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, kinds, rows).astype(np.float32)
    values[random.random(rows) < zeros] = 0
    found = top_k(values, k)
    ranked = np.sort(values)[::-1]
    expected = ranked if k >= rows else ranked[ranked >= ranked[k - 1]]
    assert np.array_equal(values[found], expected)
    assert len(np.unique(found)) == len(found)
    assert (values >= top_k_bound(values, k)).sum() >= min(k, rows)


def test_thousands_of_rows_are_grown_compacted_and_still_compared() -> None:
    vectors = np.random.default_rng(0).choice([-0.25, 0.25], (5000, DIMENSION)).astype(np.float32)
    matrix = VectorMatrix(DIMENSION)
    for start in range(0, 5000, 700):
        rows = np.arange(start, min(start + 700, 5000))
        matrix.put(rows, vectors[rows])
    kept = np.arange(0, 5000, 3)
    matrix = matrix.compacted(kept)
    matrix.put(np.array([len(kept)]), vectors[:1])
    expected = np.concatenate([vectors[kept], vectors[:1]]) @ vectors[0]
    found = cosines(matrix.view(len(kept) + 1), vectors[0])
    assert np.array_equal(found, expected)
    assert found[[0, -1]].tolist() == [1.0, 1.0]


def test_an_empty_matrix_is_like_nothing() -> None:
    query = np.full(DIMENSION, 0.25, np.float32)
    assert cosines(VectorMatrix(DIMENSION).view(0), query).tolist() == []
    assert cosines(VectorMatrix(DIMENSION).view(3), query).tolist() == [0.0, 0.0, 0.0]
    assert VectorMatrix(DIMENSION).compacted(np.empty(0, np.int64)).view(0).shape == (0, DIMENSION)


def test_a_view_stays_true_while_another_thread_appends() -> None:
    """Each vector tells its row, so that a torn read would show."""
    matrix, total = VectorMatrix(2), 20_000
    angles = np.arange(total) * (np.pi / 2 / total)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    lock, rows = threading.Lock(), 0  # as the owner of the matrix has
    started, finished = threading.Event(), threading.Event()

    def append() -> None:
        nonlocal rows
        for start in range(0, total, 100):
            with lock:
                matrix.put(np.arange(start, start + 100), vectors[start : start + 100])
                rows = start + 100
            started.set()
        finished.set()

    query = np.array([1, 0], np.float32)
    thread = threading.Thread(target=append)
    thread.start()
    assert started.wait(30)
    searches = 0
    while not finished.is_set() or not searches:
        with lock:
            count = rows
            view = matrix.view(count)
        assert np.allclose(cosines(view, query), vectors[:count, 0], atol=1e-6)
        searches += 1
    thread.join()
    assert np.array_equal(matrix.view(total), vectors)


in_files = pytest.mark.skipif(
    not mapped_array.supported(), reason="vectors are kept in memory here"
)


@in_files
def test_vectors_that_find_no_room_in_a_file_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(file: int, offset: int, length: int) -> None:
        raise OSError(28, "No space left on device")

    matrix = VectorMatrix(DIMENSION, tmp_path, mapped_from_bytes=0)
    vector = np.full(DIMENSION, 0.25, np.float32)
    matrix.put(np.array([3]), vector[None])
    monkeypatch.setattr(os, "posix_fallocate", refuse)

    matrix.put(np.array([200_000]), vector[None])

    assert cosines(matrix.view(200_001), vector)[[0, 3, 200_000]].tolist() == [0, 1, 1]
    assert "No space left" in caplog.text


@in_files
def test_a_large_matrix_gives_its_memory_back_and_keeps_its_vectors(tmp_path: Path) -> None:
    def resident() -> int:
        maps = psutil.Process().memory_maps(grouped=False)
        return sum(one.rss for one in maps if str(tmp_path) in one.path)

    matrix = VectorMatrix(DIMENSION, tmp_path, mapped_from_bytes=0)
    rows = np.arange(10_000)
    matrix.put(rows, np.full((len(rows), DIMENSION), 0.25, np.float32))
    assert resident() >= len(rows) * DIMENSION * 4

    matrix.release()

    assert resident() == 0
    vector = np.full(DIMENSION, 0.25, np.float32)
    assert cosines(matrix.view(len(rows)), vector).tolist() == [1.0] * len(rows)


@in_files
def test_the_file_of_a_large_matrix_has_no_name(tmp_path: Path) -> None:
    matrix = VectorMatrix(DIMENSION, tmp_path, mapped_from_bytes=0)
    matrix.put(np.array([0]), np.full((1, DIMENSION), 0.25, np.float32))
    assert list(tmp_path.iterdir()) == []


class CountedLock:
    """A lock that knows whether it is held, and how often it was."""

    def __init__(self) -> None:
        self.held, self.times = False, 0

    def __enter__(self) -> None:
        self.held = True
        self.times += 1

    def __exit__(self, *_: object) -> None:
        self.held = False


def test_the_lock_of_searches_is_free_while_the_principal_directions_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    matrix, lock, free = VectorMatrix(DIMENSION, min_bounded=4), CountedLock(), list[bool]()
    matrix.put(np.arange(8), np.eye(8, DIMENSION, dtype=np.float32))
    found = np.linalg.eigh

    def eigh(product: NDArray[np.float32]) -> object:
        free.append(not lock.held)
        return found(product)

    monkeypatch.setattr(np.linalg, "eigh", eigh)
    matrix.prepare_bounds(lock)
    assert (free, lock.times) == ([True], 2)
    assert matrix.bounds(8) is not None


def test_a_matrix_of_some_rows_has_bounds_at_once_if_that_of_all_has() -> None:
    matrix = VectorMatrix(DIMENSION, min_bounded=4)
    matrix.put(np.arange(8), np.eye(8, DIMENSION, dtype=np.float32))
    matrix.prepare_bounds(nullcontext())
    kept = matrix.compacted(np.arange(1, 7))
    bounds, question = kept.bounds(6), np.eye(8, DIMENSION, dtype=np.float32)[3]
    assert bounds is not None
    assert (bounds.bounds(question) >= kept.view(6) @ question).all()
