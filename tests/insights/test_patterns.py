"""Error texts become patterns: what belongs together, what must stay apart."""

from collections import Counter
from collections.abc import Hashable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.insights.patterns import FILLER, most_typical, patterns
from mcp_learning.models.error_messages import normal_form

LABELLED = [
    tuple(line.replace("\\n", "\n").replace("\\t", "\t").split(" | ", 1))
    for line in (Path(__file__).parent / "error_messages.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]


def pairs(groups: Iterable[Hashable]) -> int:
    return sum(size * (size - 1) // 2 for size in Counter(groups).values())


def recall_and_precision(labels: list[str], groups: list[str]) -> tuple[float, float]:
    both = pairs(zip(labels, groups, strict=True))
    return both / pairs(labels), both / pairs(groups)


def test_messages_of_common_tools_are_grouped_and_never_mixed() -> None:
    labels = [label for label, _ in LABELLED]
    texts = [normal_form(message) for _, message in LABELLED]
    distinct = sorted(set(texts))
    named = dict(zip(distinct, patterns(distinct), strict=True))

    recall, precision = recall_and_precision(labels, texts)
    assert precision == 1
    assert recall > 0.6
    recall, precision = recall_and_precision(labels, [named[text] for text in texts])
    assert precision == 1
    assert recall > 0.97


def test_a_place_with_many_fillers_is_a_value_and_with_two_it_is_not() -> None:
    parts = ["the login flow", "the search page", "billing", "the PDF renderer", "a queue"]
    silent = [f"no answer from {part} within <n> s" for part in parts]
    broken = ["connection refused by the peer", "connection reset by the peer"]

    found = patterns([*silent, *broken])

    assert found == [f"no answer from {FILLER} within <n> s"] * 5 + broken


def test_too_few_shared_words_make_no_pattern() -> None:
    texts = [f"cannot {verb} <path>" for verb in ("open", "read", "write", "stat", "close")]
    assert patterns(texts) == texts


@given(st.lists(st.text("ab <…> \\n", max_size=60), unique=True, max_size=30), st.randoms())
def test_patterns_are_the_same_in_any_order(texts: list[str], random: object) -> None:
    named = dict(zip(texts, patterns(texts), strict=True))
    turned = texts[::-1]
    assert dict(zip(turned, patterns(turned), strict=True)) == named


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["only one"], 0),
        (["clear the cache", "drop the table", "Clear the cache now", "clear the big cache"], 0),
        (["apples", "pears"], 0),
        (["", "", "x"], 0),
        (["x", "restart the worker", "restart the worker"], 1),
    ],
)
def test_the_most_typical_text_is_most_like_the_others(texts: list[str], expected: int) -> None:
    assert most_typical(texts) == expected
