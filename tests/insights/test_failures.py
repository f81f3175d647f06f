"""Failure patterns from error texts: which are merged, and which fix is shown."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from store.rows import NOW

from mcp_learning.insights.failures import Candidates, candidates, describe, latest, merge
from mcp_learning.store.types import ErrorText

ONE, TWO, THREE, FOUR = (UUID(int=number) for number in range(1, 5))


def error(text: str, **values: Any) -> ErrorText:
    defaults: dict[str, Any] = {
        "error_type": None,
        "count": 1,
        "fixed": 0,
        "examples": ((NOW, ONE),),
        "fixes": (),
    }
    return ErrorText(text=text, **defaults | values)


def test_texts_that_differ_in_a_value_are_one_pattern_and_the_largest_comes_first() -> None:
    parts = ["billing", "search", "login", "the cart"]
    found = merge(
        [error("disk full", count=3)]
        + [error(f"no answer from {part} within <n> s", count=2) for part in parts]
    )
    assert [(name, len(errors)) for name, errors in found] == [
        ("no answer from <…> within <n> s", 4),
        ("disk full", 1),
    ]


def test_the_last_failures_of_all_texts_are_named() -> None:
    errors = [
        error("a", examples=((NOW, ONE), (NOW - timedelta(hours=3), TWO))),
        error("b", examples=((NOW + timedelta(hours=1), THREE), (NOW - timedelta(hours=1), FOUR))),
    ]
    assert latest(errors) == [THREE, ONE, FOUR]


def test_a_success_of_the_same_task_goes_before_one_of_a_similar_task() -> None:
    fixed = [error("a", fixes=((9.0, TWO), (3.0, THREE)))]
    assert candidates(fixed, {ONE: FOUR}) == Candidates([THREE, TWO], same_task=True)
    assert candidates([error("a")], {ONE: FOUR}) == Candidates([FOUR], same_task=False)
    assert candidates([error("a")], {}) == Candidates([], same_task=False)


def test_the_most_typical_solution_is_shown_with_its_basis() -> None:
    texts = {ONE: "x", TWO: "restart the worker", THREE: "restart the worker"}
    pattern = describe("a", [error("a")], Candidates([ONE, TWO, THREE], same_task=True), texts)
    assert (pattern.fix, pattern.fix_task_id) == ("restart the worker", TWO)
    assert pattern.fix_basis == "same task"


def test_without_a_solution_no_fix_is_shown() -> None:
    pattern = describe("a", [error("a", count=4)], Candidates([ONE], same_task=False), {})
    assert (pattern.failures, pattern.fix, pattern.fix_basis) == (4, None, None)
