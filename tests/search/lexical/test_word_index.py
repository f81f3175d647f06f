"""BM25 over terms: scores follow the formula, whatever was added, merged and deleted before."""

import math
import threading
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_learning.search.lexical.query_terms import (
    IDENTIFIER_EVIDENCE,
    INFORMATIVE,
    K1,
    PRIOR_COMMON,
    PRIOR_PLAIN,
    PRIOR_ROWS,
    SHARPNESS,
    B,
    Bm25Parameters,
)
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms, is_stop_word
from mcp_learning.search.lexical.word_index import LexicalScores, WordIndex

VOCABULARY = (
    *("the", "cache", "parser", "timeout", "login", "parse_config", "ERR_1042", "retry", "4711"),
    *("src/auth/login.py", "token", "deadlock", "queue", "42", "TypeError", "worker"),
)
texts = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=12).map(" ".join)


def index_of(*rows: str) -> WordIndex:
    index = WordIndex()
    index.add([count_terms(row) for row in rows])
    return index


def slow_scores(rows: list[Counter[int]], asked: TokenisedQuery) -> LexicalScores:
    """The formulas, term by term and row by row."""
    question = asked.counts
    mean = max(sum(row.total() for row in rows) / len(rows), 1.0)

    def rarity(occurrences: int) -> float:
        total = len(rows) + PRIOR_ROWS
        return math.log1p((total - min(occurrences, total) + 0.5) / (occurrences + 0.5))

    def rarity_of(term: int) -> float:
        prior = PRIOR_COMMON if is_stop_word(term) else PRIOR_PLAIN
        return rarity(sum(term in row for row in rows) + prior)

    def weight(term: int) -> float:
        return float((math.sqrt(question[term]) * rarity_of(term)) ** SHARPNESS)

    def gain(count: int, length: float) -> float:
        return count / (count + K1 * (1 - B + B * length / mean))

    def compared(row: Counter[int]) -> float:
        return max(row.total(), question.total() / 3)

    def most_informative(terms: list[int]) -> list[int]:
        return sorted(terms, key=lambda term: (weight(term), term), reverse=True)[:INFORMATIVE]

    known = [term for term in question if any(term in row for row in rows)]
    unknown = [term for term in question if term not in known and term not in asked.numeric]
    read, best = most_informative(known), most_informative(known + unknown)
    itself = sum(weight(term) * gain(question[term], question.total()) for term in best)
    coverage = [
        min(1.0, sum(weight(t) * gain(min(row[t], 255), compared(row)) for t in read) / itself)
        if itself
        else 0.0
        for row in rows
    ]
    identifiers = [term for term in best if term in asked.identifiers]
    wanted = set(identifiers) - asked.numeric
    named = [number for number, row in enumerate(rows) if wanted and wanted <= set(row)]
    total = sum(map(weight, best))
    return LexicalScores(
        np.array(coverage, np.float32),
        sum(
            rarity_of(term)
            / rarity(PRIOR_PLAIN)
            * (IDENTIFIER_EVIDENCE if term in identifiers else 1)
            for term in best
        ),
        sum(map(weight, identifiers)) / total if total else 0.0,
        np.array(named, np.int32),
    )


@given(rows=st.lists(texts, min_size=1, max_size=30), question=texts)
@settings(max_examples=100, deadline=None)
def test_scores_are_what_the_formula_says(rows: list[str], question: str) -> None:
    asked = TokenisedQuery.of(question)

    scores = index_of(*rows).score(asked)

    expected = slow_scores([count_terms(row) for row in rows], asked)
    assert scores.coverage == pytest.approx(expected.coverage, abs=1e-5)
    assert scores.evidence == pytest.approx(expected.evidence)
    assert scores.identifiers == pytest.approx(expected.identifiers)
    assert scores.with_identifiers.tolist() == expected.with_identifiers.tolist()


def test_a_word_counts_for_more_the_more_often_it_occurs_up_to_255_times() -> None:
    rows = [count_terms("retry " * often + "queue " * (400 - often)) for often in (1, 255, 300)]
    index, asked = WordIndex(), TokenisedQuery.of("retry deadlock")
    index.add(rows)

    coverage = index.score(asked).coverage

    assert coverage[0] < coverage[1] == coverage[2]
    assert coverage == pytest.approx(slow_scores(rows, asked).coverage)


actions: st.SearchStrategy[tuple[str, list[Any]]] = st.one_of(
    st.tuples(st.just("add"), st.lists(texts, min_size=1, max_size=9)),
    st.tuples(st.just("discard"), st.lists(st.integers(0, 40), max_size=6)),
    st.tuples(st.just("merge"), st.just([])),
    st.tuples(st.just("compact"), st.just([])),
)


@given(history=st.lists(actions, min_size=1, max_size=14), question=texts)
@settings(max_examples=120, deadline=None)
def test_scores_depend_only_on_the_rows_that_are_alive(
    history: list[tuple[str, list[Any]]], question: str
) -> None:
    index = WordIndex(max_tail_rows=4, bulk_rows=6)
    rows, alive = list[str](), list[bool]()
    for action, values in history:
        if action == "add":
            index.add([count_terms(row) for row in values])
            rows += values
            alive += [True] * len(values)
        elif action == "discard":
            gone = [value % len(rows) for value in values if rows]
            index.discard(np.array(gone, np.int64))
            alive = [lives and row not in gone for row, lives in enumerate(alive)]
        elif action == "merge":
            index.merge()
        else:
            kept = np.flatnonzero(alive)
            index = index.compacted(kept)
            rows, alive = [rows[row] for row in kept], [True] * len(kept)
    living = [row for row, lives in enumerate(alive) if lives]

    scores = index.score(TokenisedQuery.of(question))

    fresh = index_of(*(rows[row] for row in living)).score(TokenisedQuery.of(question))
    assert len(scores.coverage) == len(rows)
    assert scores.coverage[living].tolist() == fresh.coverage.tolist()
    assert (scores.evidence, scores.identifiers) == (fresh.evidence, fresh.identifiers)
    named = [living.index(row) for row in scores.with_identifiers.tolist() if row in living]
    assert named == fresh.with_identifiers.tolist()


def test_a_row_that_is_the_question_itself_is_covered_wholly() -> None:
    text = "the worker loses its token in src/auth/login.py"

    scores = index_of("something else", text, "a third one").score(TokenisedQuery.of(text))

    assert scores.coverage[1] == pytest.approx(1.0)
    assert scores.coverage[0] < 0.1


def test_words_that_occur_nowhere_lower_the_coverage_but_numbers_do_not() -> None:
    index = index_of("retry the queue", "parse the token")

    def coverage(question: str) -> float:
        return float(index.score(TokenisedQuery.of(question)).coverage[0])

    assert coverage("retry queue deadlock") < coverage("retry queue")
    assert coverage("retry queue 99171 31337") == pytest.approx(coverage("retry queue"), rel=0.2)


def test_only_the_most_informative_terms_of_a_long_question_count() -> None:
    rare = [f"rareword{chr(97 + i)}" for i in range(INFORMATIVE)]
    common = [f"commonword{chr(97 + i)}" for i in range(10)]
    index = index_of(" ".join(rare), *[" ".join(common)] * 40)

    scores = index.score(TokenisedQuery.of(" ".join(rare + common)))

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
        return list(map(int, index.score(TokenisedQuery.of(question)).with_identifiers))

    assert named("why does parse_config fail") == [0, 1]
    assert named("parseConfig and ERR_1042") == [0]
    assert named("parse_config or load_config") == []
    assert named("why does it fail") == []


def test_common_terms_are_left_out_when_reading_them_would_take_too_long() -> None:
    index = index_of("rare", *["queue"] * 50)
    question = TokenisedQuery.of("rare queue")
    assert index.score(question).coverage[1] > 0

    few = index.score(question, Bm25Parameters(most_postings=20))

    assert few.coverage[0] > 0
    assert few.coverage[1] == 0


def test_an_empty_index_and_an_empty_question_score_nothing() -> None:
    assert len(WordIndex().score(TokenisedQuery.of("a question")).coverage) == 0
    assert index_of("a row").score(TokenisedQuery.of("")).coverage.tolist() == [0]


def test_rows_that_are_left_out_between_merges_leave_no_trace() -> None:
    rows, asked = ["retry queue", "queue", "retry", "queue login"], TokenisedQuery.of("retry queue")
    index = index_of(*rows)
    for gone in (1, 3):
        index.discard(np.array([gone]))
        index.merge()

    scores, fresh = index.score(asked), index_of(rows[0], rows[2]).score(asked)

    assert scores.coverage[[0, 2]].tolist() == fresh.coverage.tolist()
    assert scores.evidence == fresh.evidence


def test_rows_that_come_one_by_one_end_up_in_few_segments() -> None:
    index = WordIndex(max_tail_rows=4)
    for number in range(600):
        index.add([count_terms(f"row {number}")])
    assert index.segments <= 10


def test_words_that_only_deleted_rows_had_are_unknown() -> None:
    index = index_of("parse_config fails", "load_config fails")
    index.discard(np.array([1]))
    asked = TokenisedQuery.of("parse_config and load_config")

    scores, fresh = index.score(asked), index_of("parse_config fails").score(asked)

    assert scores.coverage[0] == fresh.coverage[0] < 0.7
    assert scores.with_identifiers.tolist() == fresh.with_identifiers.tolist() == []


def test_a_rare_word_counts_among_many_others_though_deleted_rows_had_it_too() -> None:
    others = " ".join(f"word{chr(97 + i)}{chr(97 + j)}" for i in range(6) for j in range(8))
    living = ["deadlock", others, others]
    index = index_of(*living, *["deadlock"] * 100)
    index.discard(np.arange(3, 103))
    asked = TokenisedQuery.of(f"deadlock {others}")

    assert index.score(asked).coverage[0] == index_of(*living).score(asked).coverage[0] > 0


def test_deleted_rows_take_no_room_from_what_a_search_reads() -> None:
    index = index_of("rare", "queue", *["queue"] * 50)
    index.discard(np.arange(2, 52))

    few = index.score(TokenisedQuery.of("rare queue"), Bm25Parameters(most_postings=20))

    assert few.coverage[1] > 0


def test_rows_that_are_unknown_or_already_left_out_are_left_out_without_trouble() -> None:
    index, asked = index_of("retry", "queue", "retry queue"), TokenisedQuery.of("retry queue")
    index.discard(np.array([1, 1, 7, 99]))
    index.discard(np.array([1]))
    index.discard(np.empty(0, np.int64))

    fresh = index_of("retry", "retry queue").score(asked)
    assert index.score(asked).coverage[[0, 2]].tolist() == fresh.coverage.tolist()

    index.discard(np.arange(3))
    nothing = index.score(asked)
    assert (nothing.coverage.tolist(), nothing.evidence, nothing.with_identifiers.tolist()) == (
        [0] * 3,
        0,
        [],
    )


KINDS = ("retry the queue", "parse_config fails", "the queue waits for parse_config")
ASKED = TokenisedQuery.of("the retry of parse_config waits")
STEPS = [2, 3, 1, 25, 4, 9, 30, 1, 7] * 5
"""How many rows are added; after each, one in the middle of all is left out."""

State = tuple[list[bool], LexicalScores]


def kind(row: int) -> Counter[int]:
    return count_terms(KINDS[row % len(KINDS)])


def states_of_steps() -> dict[int, list[State]]:
    """By the number of rows: which are alive, and the scores of an index of these alone."""
    states: dict[int, list[State]] = {}
    alive: list[bool] = []

    def remember() -> None:
        fresh = WordIndex()
        fresh.add([kind(row) for row in np.flatnonzero(alive).tolist()])
        states.setdefault(len(alive), []).append((alive.copy(), fresh.score(ASKED)))

    for size in STEPS:
        alive += [True] * size
        remember()
        alive[len(alive) // 2] = False
        remember()
    return states


def same(scores: LexicalScores, alive: list[bool], fresh: LexicalScores) -> bool:
    living = np.flatnonzero(alive)
    named = np.searchsorted(
        living, scores.with_identifiers[np.isin(scores.with_identifiers, living)]
    )
    return (
        scores.coverage[living].tolist() == fresh.coverage.tolist()
        and (scores.evidence, scores.identifiers) == (fresh.evidence, fresh.identifiers)
        and named.tolist() == fresh.with_identifiers.tolist()
    )


def test_a_search_while_rows_come_and_go_sees_one_of_the_states_there_were() -> None:
    states, index = states_of_steps(), WordIndex(max_tail_rows=10, bulk_rows=20)
    seen: list[LexicalScores] = []
    started, stop = threading.Barrier(3), threading.Event()

    def search() -> None:
        started.wait(30)
        while not stop.is_set():
            seen.append(index.score(ASKED))

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    started.wait(30)
    try:
        for size in STEPS:
            index.add([kind(row) for row in range(len(index), len(index) + size)])
            index.discard(np.array([len(index) // 2]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert same(index.score(ASKED), *states[sum(STEPS)][-1])
    rows_seen = [scores for scores in seen if len(scores.coverage)]
    assert all(any(same(one, *state) for state in states[len(one.coverage)]) for one in rows_seen)


@given(st.lists(texts, max_size=20), st.sets(st.sampled_from(VOCABULARY), max_size=3))
def test_rows_with_any_of_some_terms_are_those_that_have_one(
    rows: list[str], wanted: set[str]
) -> None:
    index = WordIndex(max_tail_rows=3, bulk_rows=5)
    terms = set(count_terms(*wanted))
    added: list[str] = []
    for some in (*([row] for row in rows[5:]), rows[:5]):
        index.add([count_terms(row) for row in some])
        added += some
        found = index.rows_with(np.array(sorted(terms), np.int64))
        assert found.tolist() == [
            at for at, row in enumerate(added) if terms & set(count_terms(row))
        ]
