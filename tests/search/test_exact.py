"""The matrix in memory against brute force."""

import threading

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mcp_learning.search.exact import Matrix, Neighbours, merge

DIMENSION = 16
signs = arrays(np.float32, DIMENSION, elements=st.sampled_from([-0.25, 0.25]))
"""Unit vectors whose similarities are multiples of 1/8: exact in floats, with many ties."""

steps = st.lists(
    st.tuples(st.just("append"), st.lists(signs, max_size=6))
    | st.tuples(st.just("discard"), st.lists(st.integers(0, 40), max_size=6)),
    max_size=10,
)


def brute_force(
    rows: dict[int, NDArray[np.float32]], query: NDArray[np.float32], k: int
) -> list[tuple[int, float]]:
    """(version, similarity), best first, the newest of equals first."""
    scored = [
        (version, float(np.dot(vector.astype(float), query))) for version, vector in rows.items()
    ]
    return sorted(scored, key=lambda pair: (-pair[1], -pair[0]))[:k]


def pairs(found: Neighbours) -> list[tuple[int, float]]:
    return list(zip(found.versions.tolist(), found.similarities.tolist(), strict=True))


@given(
    steps=steps,
    query=signs,
    k=st.integers(1, 60),
    allowed=st.none() | st.lists(st.integers(0, 60), unique=True),
)
@settings(deadline=None, max_examples=150)
def test_a_search_equals_brute_force_whatever_came_and_went(
    steps: list[tuple[str, list[NDArray[np.float32]]]],
    query: NDArray[np.float32],
    k: int,
    allowed: list[int] | None,
) -> None:
    matrix, rows, newest = Matrix(DIMENSION), dict[int, NDArray[np.float32]](), 0
    for step, values in steps:
        if step == "discard":
            matrix.discard(np.array(values, np.int64))
            rows = {version: vector for version, vector in rows.items() if version not in values}
            continue
        versions = np.arange(newest + 1, newest + 1 + len(values))
        matrix.append(versions, np.array(values, np.float32).reshape(-1, DIMENSION))
        rows |= dict(zip(versions.tolist(), values, strict=True))
        newest += len(values)
    assert len(matrix) == len(rows)
    restricted = None if allowed is None else np.array(allowed, np.int64)
    eligible = {version: rows[version] for version in rows if allowed is None or version in allowed}
    assert pairs(matrix.search(query, k, restricted)) == brute_force(eligible, query, k)


@given(first=st.lists(signs, max_size=8), second=st.lists(signs, max_size=8), query=signs)
@settings(deadline=None, max_examples=50)
def test_merging_two_answers_equals_searching_both_at_once(
    first: list[NDArray[np.float32]], second: list[NDArray[np.float32]], query: NDArray[np.float32]
) -> None:
    rows = dict(enumerate([*first, *second]))
    one, other = Matrix(DIMENSION), Matrix(DIMENSION)
    for version, vector in rows.items():
        target = one if version < len(first) else other
        target.append(np.array([version]), vector[np.newaxis])
    merged = merge(one.search(query, 3), other.search(query, 3), 3)
    assert pairs(merged) == brute_force(rows, query, 3)


def test_thousands_of_rows_are_grown_swept_and_still_found() -> None:
    vectors = np.random.default_rng(0).choice([-0.25, 0.25], (5000, DIMENSION)).astype(np.float32)
    matrix = Matrix(DIMENSION)
    for start in range(0, 5000, 700):
        chunk = vectors[start : start + 700]
        matrix.append(np.arange(start, start + len(chunk)), chunk)
    matrix.discard(np.flatnonzero(np.arange(5000) % 3 > 0))
    matrix.append(np.array([5000]), vectors[:1])
    rows = {version: vectors[version] for version in range(0, 5000, 3)} | {5000: vectors[0]}
    assert len(matrix) == len(rows)
    assert pairs(matrix.search(vectors[0], 50)) == brute_force(rows, vectors[0], 50)


def test_an_empty_matrix_finds_nothing() -> None:
    found = Matrix(DIMENSION).search(np.full(DIMENSION, 0.25, np.float32), 5)
    assert pairs(found) == []


def test_searching_is_safe_while_another_thread_appends_and_discards() -> None:
    """Each vector tells its version, so that a torn read would show."""
    matrix, total = Matrix(2), 20_000
    angles = np.arange(total) * (np.pi / 2 / total)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    started, finished = threading.Event(), threading.Event()

    def change() -> None:
        for start in range(0, total, 100):
            matrix.append(np.arange(start, start + 100), vectors[start : start + 100])
            matrix.discard(np.arange(start, start + 90))
            started.set()
        finished.set()

    query = np.array([1, 0], np.float32)
    thread = threading.Thread(target=change)
    thread.start()
    assert started.wait(30)
    searches = 0
    while not finished.is_set() or not searches:
        found = matrix.search(query, 20)
        expected = vectors[found.versions] @ query
        assert np.array_equal(found.similarities, np.sort(found.similarities)[::-1])
        assert np.allclose(found.similarities, expected, atol=1e-6)
        assert len(set(found.versions.tolist())) == len(found.versions) >= 10
        searches += 1
    thread.join()
    assert len(matrix) == total // 10
