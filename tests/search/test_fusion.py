"""One similarity from words and meaning: within 0..1, and as each kind of question needs it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.search import fusion
from mcp_learning.search.lexical.word_index import LexicalScores

units = st.floats(0, 1, width=32)
pairs = st.lists(st.tuples(units, units), min_size=1, max_size=20)


def scores(evidence: float, identifiers: float) -> LexicalScores:
    return LexicalScores(np.zeros(0, np.float32), evidence, identifiers, np.zeros(0, np.int32))


@given(evidence=st.floats(0, 1e6), identifiers=units)
def test_the_weight_of_words_grows_with_either_ground_up_to_its_bound(
    evidence: float, identifiers: float
) -> None:
    weight = fusion.lexical_weight(scores(evidence, identifiers))
    assert 0 <= weight <= fusion.MAX_LEXICAL_WEIGHT
    assert weight <= fusion.lexical_weight(scores(evidence + 1, identifiers))
    assert weight <= fusion.lexical_weight(scores(evidence, (identifiers + 1) / 2))


def test_the_weight_of_words_is_that_of_the_formula() -> None:
    most = fusion.MAX_LEXICAL_WEIGHT
    assert fusion.lexical_weight(scores(0, 0)) == fusion.LEAST_LEXICAL_WEIGHT
    assert fusion.lexical_weight(scores(fusion.HALF_EVIDENCE, 0)) == pytest.approx(most / 2)
    assert fusion.lexical_weight(scores(fusion.HALF_EVIDENCE, 0.8)) == pytest.approx(most * 0.8)
    assert fusion.lexical_weight(scores(0, 1)) == most


@given(pairs=pairs, weight=st.floats(0, 1))
def test_a_similarity_lies_between_what_words_and_what_meaning_say(
    pairs: list[tuple[float, float]], weight: float
) -> None:
    meanings, coverage = np.array(pairs, np.float32).T.copy()
    fused = fusion.similarities(meanings, coverage, weight)
    assert fused.dtype == np.float32
    said = np.stack([meanings, np.sqrt(coverage)])
    assert np.all(fused >= said.min(0) - 1e-6)
    assert np.all(fused <= said.max(0) + 1e-6)
    expected = [weight * c**0.5 + (1 - weight) * m for m, c in zip(meanings, coverage, strict=True)]
    assert fused.tolist() == pytest.approx(expected, abs=1e-6)


def test_fusing_leaves_what_it_was_given_as_it_was() -> None:
    meanings, coverage = np.full(3, 0.5, np.float32), np.array([0, 0.25, 1], np.float32)
    fusion.similarities(meanings, coverage, 0.5)
    assert meanings.tolist() == [0.5, 0.5, 0.5]
    assert coverage.tolist() == [0, 0.25, 1]


def test_without_words_meaning_decides_and_without_meaning_words_do() -> None:
    meanings, coverage = np.array([0.7, 0], np.float32), np.array([0, 0.49], np.float32)
    assert fusion.similarities(meanings, coverage, 0.0).tolist() == pytest.approx([0.7, 0])
    assert fusion.similarities(meanings, coverage, 1.0).tolist() == pytest.approx([0, 0.7])


@given(cosines=st.lists(st.floats(-1, 1, width=32), min_size=2), noise=st.floats(0, 0.95))
def test_the_meaning_is_within_its_range_and_keeps_the_order_of_cosines(
    cosines: list[float], noise: float
) -> None:
    found = fusion.meaning(np.sort(np.array(cosines, np.float32)), noise)
    assert found.dtype == np.float32
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) >= -1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3, 0.55, 0.8])
def test_the_noise_of_any_model_becomes_that_of_the_bundled_one(noise: float) -> None:
    cosines = np.array([-1, noise, (1 + noise) / 2, 1], np.float32)
    reference = fusion.REFERENCE_NOISE
    expected = [0, reference, (1 + reference) / 2, 1]
    assert fusion.meaning(cosines, noise).tolist() == pytest.approx(expected, abs=1e-6)


def test_the_bundled_model_s_cosines_are_taken_as_they_are() -> None:
    cosines = np.array([-0.2, 0.0, 0.123456, 1.0], np.float32)
    found = fusion.meaning(cosines, fusion.REFERENCE_NOISE)
    assert found.tolist() == np.maximum(cosines, 0).tolist()
    assert cosines[0] == np.float32(-0.2)


def test_meanings_of_a_query_in_a_language_that_the_model_knows_are_taken_as_they_are() -> None:
    meanings = np.array([0.0, 0.3, 1.0], np.float32)
    assert fusion.above_background(meanings, 0.2).tolist() == meanings.tolist()


def test_the_background_of_a_query_counts_as_no_meaning() -> None:
    meanings = np.array([0.4, 0.6, 1.0], np.float32)
    rescaled = fusion.above_background(meanings, 0.7)
    assert rescaled[2] == 1
    assert (rescaled < [0.2, 0.4, 1.1]).all()
    assert (np.diff(rescaled) > 0).all()


def test_words_decide_as_far_as_the_model_cannot_read_the_query() -> None:
    nothing = LexicalScores(np.zeros(0, np.float32), 0.0, 0.0, np.zeros(0, np.int32))
    weights = [fusion.lexical_weight(nothing, unknown) for unknown in (0.0, 0.5, 1.0)]
    assert weights == pytest.approx([0.3, 0.65, 1.0])
