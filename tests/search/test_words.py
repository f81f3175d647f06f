"""BM25 over terms: scores follow the formula, whatever was added, merged and deleted before."""

import math
import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_learning.search import choice, words
from mcp_learning.search.choice import (
    IDENTIFIER_EVIDENCE,
    INFORMATIVE,
    PRIOR_COMMON,
    PRIOR_PLAIN,
    PRIOR_ROWS,
    SHARPNESS,
)
from mcp_learning.search.terms import count_terms, is_common, is_identifier, is_numeric
from mcp_learning.search.words import K1, B, Scores, WordIndex

VOCABULARY = (
    *("the", "cache", "parser", "timeout", "login", "parse_config", "ERR_1042", "retry", "4711"),
    *("src/auth/login.py", "token", "deadlock", "queue", "42", "TypeError", "worker"),
)
texts = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)


def index_of(*rows: str) -> WordIndex:
    index = WordIndex()
    index.add([count_terms(row) for row in rows])
    return index


def slow_scores(rows: list[Counter[int]], question: Counter[int]) -> tuple[list[float], float]:
    """Coverage and evidence from the formulas, term by term and row by row."""
    mean = max(sum(row.total() for row in rows) / len(rows), 1.0)

    def rarity(occurrences: int) -> float:
        total = len(rows) + PRIOR_ROWS
        return math.log1p((total - min(occurrences, total) + 0.5) / (occurrences + 0.5))

    def rarity_of(term: int) -> float:
        prior = PRIOR_COMMON if is_common(term) else PRIOR_PLAIN
        return rarity(sum(term in row for row in rows) + prior)

    def weight(term: int) -> float:
        return float((math.sqrt(question[term]) * rarity_of(term)) ** SHARPNESS)

    def gain(count: int, length: int) -> float:
        return count / (count + K1 * (1 - B + B * length / mean))

    known = [term for term in question if any(term in row for row in rows)]
    unknown = [term for term in question if term not in known and not is_numeric(term)]
    read = sorted(known, key=lambda t: (weight(t), t), reverse=True)[:INFORMATIVE]
    best = sorted(((weight(t), t) for t in known + unknown), reverse=True)[:INFORMATIVE]
    itself = sum(w * gain(question[t], question.total()) for w, t in best)
    coverage = [
        min(1.0, sum(weight(t) * gain(row[t], row.total()) for t in read if t in row) / itself)
        if itself
        else 0.0
        for row in rows
    ]
    evidence = sum(
        rarity_of(t) / rarity(PRIOR_PLAIN) * (IDENTIFIER_EVIDENCE if is_identifier(t) else 1)
        for _, t in best
    )
    return coverage, evidence


@given(rows=st.lists(texts, min_size=1, max_size=30), question=texts)
@settings(max_examples=60, deadline=None)
def test_scores_are_what_the_formula_says(rows: list[str], question: str) -> None:
    asked = count_terms(question)

    scores = index_of(*rows).score(asked)

    coverage, evidence = slow_scores([count_terms(row) for row in rows], asked)
    assert scores.coverage == pytest.approx(coverage, abs=1e-5)
    assert scores.evidence == pytest.approx(evidence)
    assert 0 <= scores.identifiers <= 1


actions: st.SearchStrategy[tuple[str, list[Any]]] = st.one_of(
    st.tuples(st.just("add"), st.lists(texts, min_size=1, max_size=9)),
    st.tuples(st.just("discard"), st.lists(st.integers(0, 60), max_size=4)),
    st.tuples(st.just("merge"), st.just([])),
    st.tuples(st.just("compact"), st.just([])),
)


@given(history=st.lists(actions, min_size=1, max_size=14), question=texts)
@settings(max_examples=80, deadline=None)
def test_scores_depend_only_on_the_rows_that_are_alive(
    history: list[tuple[str, list[Any]]], question: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "_BULK", 6)
        patch.setattr(words, "_LONGEST_TAIL", 4)
        index, rows, alive = WordIndex(), list[str](), list[bool]()
        for action, values in history:
            if action == "add":
                index.add([count_terms(row) for row in values])
                rows += values
                alive += [True] * len(values)
            elif action == "discard":
                index.discard(np.array(values, np.int64))
                alive = [lives and row not in values for row, lives in enumerate(alive)]
            elif action == "merge":
                index.merge()
            else:
                kept = np.flatnonzero(alive)
                index = index.compacted(kept)
                rows, alive = [rows[row] for row in kept], [True] * len(kept)
        living = [row for row, lives in enumerate(alive) if lives]

        scores = index.score(count_terms(question))

        fresh = index_of(*(rows[row] for row in living)).score(count_terms(question))
        assert len(scores.coverage) == len(rows)
        assert scores.coverage[living] == pytest.approx(fresh.coverage, abs=1e-6)
        assert scores.evidence == pytest.approx(fresh.evidence)
        assert scores.identifiers == pytest.approx(fresh.identifiers)
        named = [living.index(row) for row in scores.named.tolist() if row in living]
        assert named == fresh.named.tolist()


def test_a_row_that_is_the_question_itself_is_covered_wholly() -> None:
    text = "the worker loses its token in src/auth/login.py"

    scores = index_of("something else", text, "a third one").score(count_terms(text))

    assert scores.coverage[1] == pytest.approx(1.0)
    assert scores.coverage[0] < 0.1


def test_words_that_occur_nowhere_lower_the_coverage_but_numbers_do_not() -> None:
    index = index_of("retry the queue", "parse the token")

    def coverage(question: str) -> float:
        return float(index.score(count_terms(question)).coverage[0])

    assert coverage("retry queue deadlock") < coverage("retry queue")
    assert coverage("retry queue 99171 31337") == pytest.approx(coverage("retry queue"), rel=0.2)


def test_only_the_most_informative_terms_of_a_long_question_count() -> None:
    rare = [f"rareword{chr(97 + i)}" for i in range(INFORMATIVE)]
    common = [f"commonword{chr(97 + i)}" for i in range(10)]
    index = index_of(" ".join(rare), *[" ".join(common)] * 40)

    scores = index.score(count_terms(" ".join(rare + common)))

    assert scores.coverage[0] > 0.9
    assert scores.coverage[1:].max() == 0


def test_rows_that_have_every_identifier_of_the_question_are_named() -> None:
    index = index_of(
        "parse_config fails with ERR_1042",
        "parse_config works",
        "a parser and a config",
        "ERR_1042",
    )

    def named(question: str) -> list[int]:
        return list(map(int, index.score(count_terms(question)).named))

    assert named("why does parse_config fail") == [0, 1]
    assert named("parseConfig and ERR_1042") == [0]
    assert named("parse_config or load_config") == []
    assert named("why does it fail") == []


def test_common_terms_are_left_out_when_reading_them_would_take_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = index_of("rare", *["queue"] * 50)
    question = count_terms("rare queue")
    assert index.score(question).coverage[1] > 0

    monkeypatch.setattr(choice, "MOST_POSTINGS", 20)

    assert index.score(question).coverage[0] > 0
    assert index.score(question).coverage[1] == 0


def test_an_empty_index_and_an_empty_question_score_nothing() -> None:
    assert len(WordIndex().score(count_terms("a question")).coverage) == 0
    assert index_of("a row").score(Counter()).coverage.tolist() == [0]


def test_searches_while_rows_are_added_see_all_that_was_there_before() -> None:
    index = index_of(*["the first rows"] * 10)
    question = count_terms("first")
    seen: list[Scores] = []
    stop = threading.Event()

    def search() -> None:
        while not stop.is_set():
            seen.append(index.score(question))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        index.add([count_terms("a later row")] * 100)
    stop.set()
    for thread in threads:
        thread.join()

    assert seen
    assert all((scores.coverage[:10] > 0).all() for scores in seen)
    assert all(not scores.coverage[10:].any() for scores in seen)
    assert len(index.score(question).coverage) == 4_010
