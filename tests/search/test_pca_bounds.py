"""Bounds on cosines from projections of vectors."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_learning.search.pca_bounds import SHARE, PcaBounds, basis_of

DIMENSION = 32


def unit(random: np.random.Generator, rows: int, spread: float) -> np.ndarray:
    """(rows, DIMENSION) float32 of length 1 around a few centres; every seventh is zero."""
    centres = random.standard_normal((3, DIMENSION))
    drawn = centres[random.integers(0, 3, rows)] + spread * random.standard_normal(
        (rows, DIMENSION)
    )
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    drawn[::7] = 0
    return drawn.astype(np.float32)


@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 300),
    later=st.integers(0, 300),
    spread=st.sampled_from([0.0, 0.1, 1.0, 10.0]),
    length=st.sampled_from([0.1, 1.0, 7.0]),
)
@settings(deadline=None, max_examples=100)
def test_no_product_is_above_its_bound_whenever_its_row_came(
    seed: int, rows: int, later: int, spread: float, length: float
) -> None:
    random = np.random.default_rng(seed)
    first, more = unit(random, rows, spread), unit(random, later, 1.0)
    projected = PcaBounds(first, basis_of(first))
    projected.put(np.arange(rows, rows + later), more)
    everything = np.concatenate([first, more])
    question = np.float32(length) * unit(random, 2, spread)[1]
    bounds = projected.view(rows + later).bounds(question)
    assert bounds.shape == (rows + later,)
    assert (bounds >= everything.astype(float) @ question.astype(float)).all()


def test_bounds_are_close_where_vectors_lie_along_few_directions() -> None:
    random = np.random.default_rng(0)
    flat = random.standard_normal((500, DIMENSION // SHARE)) @ random.standard_normal(
        (DIMENSION // SHARE, DIMENSION)
    )
    vectors = (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype(np.float32)
    bounds = PcaBounds(vectors, basis_of(vectors)).view(500).bounds(vectors[3])
    assert np.abs(bounds - vectors @ vectors[3]).max() < 1e-3


def test_rows_without_a_vector_are_alike_to_nothing() -> None:
    unit_vectors = np.eye(8, dtype=np.float32)
    projected = PcaBounds(unit_vectors, basis_of(unit_vectors))
    view = projected.view(20)
    assert view.bounds(np.eye(8, dtype=np.float32)[0])[8:].max() <= 1e-4
