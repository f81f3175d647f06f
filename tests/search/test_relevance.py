"""Which matches are shown: all that are likely, and a few that are only possible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.search import relevance
from mcp_learning.search.relevance import LIKELY, POSSIBLE

values = st.lists(st.floats(-10, 10), max_size=12)


@given(values, st.sampled_from([(1, 1), (5, 3), (10, 6)]))
def test_likely_matches_are_all_shown_and_possible_ones_up_to_a_few(
    values: list[float], most: tuple[int, int]
) -> None:
    limit, few = most
    shown = relevance.shown(values, limit)
    assert shown == sorted(shown)
    likely = [at for at, value in enumerate(values) if value >= LIKELY]
    possible = [at for at, value in enumerate(values) if POSSIBLE <= value < LIKELY]
    assert sorted([*likely, *possible[:few]]) == shown


def test_a_match_is_likely_or_only_possible() -> None:
    assert relevance.confidence(LIKELY) == "likely"
    assert relevance.confidence(LIKELY - 0.01) == "possible"


@given(
    weight=st.floats(0.3, 1),
    rows=st.integers(1, 10**6),
    meaning=st.floats(0, 1, width=32),
    coverage=st.floats(0, 1, width=32),
)
def test_nothing_below_the_least_similarity_is_relevant(
    weight: float, rows: int, meaning: float, coverage: float
) -> None:
    similarity = (1 - weight) * meaning + weight * coverage**0.5
    of_meaning = relevance.of_meaning(np.array([meaning], np.float32), weight)[0]
    of_words = relevance.of_words(np.array([coverage], np.float32), weight)[0]
    value = of_meaning + of_words + relevance.offset(weight, rows)
    if value >= POSSIBLE:
        assert similarity >= relevance.least_similarity(weight, rows) - 1e-5


@pytest.mark.parametrize("weight", [0.3, 0.6])
def test_the_more_rows_the_more_alike_a_match_has_to_be(weight: float) -> None:
    offsets = [relevance.offset(weight, rows) for rows in (1, 10, 1_000, 1_000_000)]
    assert offsets == sorted(offsets, reverse=True)


def test_the_number_of_rows_means_nothing_where_words_alone_decide() -> None:
    assert relevance.offset(1.0, 10) == relevance.offset(1.0, 10**6)
