"""Rows that stand for more: how rare words are is estimated by them, or was counted."""

from collections import Counter

import numpy as np
import pytest

from mcp_learning.search.lexical.query_terms import SampledRows
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms
from mcp_learning.search.lexical.word_index import WordIndex


def index_of(*rows: str) -> WordIndex:
    index = WordIndex()
    index.add([count_terms(row) for row in rows])
    return index


def test_rows_that_were_fetched_for_their_words_don_t_make_these_common() -> None:
    sample = ["the common queue"] * 590 + ["the login queue"] * 10
    index = index_of(*sample, *["deadlock cache"] * 50)
    asked = TokenisedQuery.of("deadlock login")
    row = len(sample)
    before = index.score(asked).coverage[row]
    index.sample = SampledRows(np.array([False] * row + [True] * 50 + [False]), 6_000, {})
    after = index.score(asked).coverage[row]
    assert after > before  # 50 of 6,000 have it, not 50 of 650; of "login", 100


@pytest.mark.parametrize("rows", [100, 1_000])  # fewer than say how common words are, and more
def test_where_words_were_counted_scores_are_those_of_all_the_rows(rows: int) -> None:
    everything = ["the common queue"] * 6_000 + ["deadlock common cache"] * 60
    everything += ["login status 139 cache"] * 20
    here = [*everything[-40:], *["the common queue"] * (rows - 40)]
    asked = TokenisedQuery.of("deadlock login status 139 cache")
    whole, part = index_of(*everything), index_of(*here)
    counted = Counter(term for row in everything for term in count_terms(row))
    frequencies = {term: counted[term] for term in asked.counts}
    part.sample = SampledRows(np.array([True] * 40 + [False]), len(everything), frequencies)
    wanted, found = whole.score(asked), part.score(asked)
    assert found.evidence == pytest.approx(wanted.evidence)
    assert found.coverage[:40] == pytest.approx(wanted.coverage[-40:], rel=0.02)  # mean length


def test_a_word_that_only_rows_elsewhere_have_counts_among_a_query_s_words() -> None:
    here = ["the login queue"] * 30
    asked = TokenisedQuery.of("login deadlock 139")
    counted = dict.fromkeys(asked.counts, 500)
    index = index_of(*here)
    index.sample = SampledRows(np.array([False]), 1_000, counted)
    whole = index_of(*here * 2, *["deadlock 139 login"] * 440, *["deadlock 139"] * 60)
    whole.add([count_terms("the queue")] * 440)
    assert index.score(asked).coverage[0] == pytest.approx(whole.score(asked).coverage[0], rel=0.1)


def test_the_most_informative_words_are_the_rarest_ones_also_those_that_no_row_has() -> None:
    index = index_of(*["the common queue"] * 20, "parse_config", "parse", "config")
    text = "The common deadlock of parse_config"
    assert set(index.most_informative(text, 2).values()) == {"deadlock", "parse_config"}
    assert set(index.most_informative(text, 9).values()) == {
        *("The", "common", "deadlock", "of", "parse_config", "parse", "config")
    }
