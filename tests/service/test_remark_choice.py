"""What of the matches of a search is worth telling an agent that hasn't asked."""

from typing import Any

import pytest
from service.test_remark_texts import match

from mcp_learning.models.results import Match
from mcp_learning.service import remark_choice

HERE = ("shop", "/srv/shop", "git@github.com:acme/shop.git")
ERROR = (
    "Traceback (most recent call last):\n  File a.py\nModuleNotFoundError: No module named 'yaml'"
)


def told(matches: list[Match], chosen: list[Match]) -> list[int]:
    return [number for number, one in enumerate(matches) if one in chosen]


def possible(**values: Any) -> Match:
    return match(**({"confidence": "possible"} | values))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        *((text, False) for text in ("", "...", "/plugin:review x", "continue", "Run the tests.")),
        *((text, True) for text in ("/usr/lib/x.so is not found", "修复登录", "fix E501 in a.py")),
    ],
)
def test_orders_of_everyday_work_have_no_substance(prompt: str, *, expected: bool) -> None:
    assert remark_choice.has_substance(prompt) is expected


def test_a_brief_has_the_likely_ones_from_anywhere() -> None:
    matches = [match(repo="other"), possible(repo="shop"), match(repo=None)]
    assert told(matches, remark_choice.for_brief(matches, HERE)) == [0, 2]


def test_a_brief_without_likely_ones_has_a_few_possible_ones_of_the_repository() -> None:
    matches = [possible(repo=repo) for repo in ("other", "acme/shop", None, "shop")]
    assert told(matches, remark_choice.for_brief(matches, HERE)) == [1, 3]
    many = [possible(repo="shop", approach=str(number)) for number in range(5)]
    assert told(many, remark_choice.for_brief(many, HERE)) == [0, 1]
    assert remark_choice.for_brief(matches, ()) == []


def test_a_later_prompt_is_told_of_its_repository_and_of_what_is_very_similar() -> None:
    matches = [
        match(repo="shop", similarity=0.4),
        match(repo="other", similarity=0.5),
        match(repo="other", similarity=0.6),
        match(repo=None, similarity=0.4),
        possible(repo="shop"),
    ]
    assert told(matches, remark_choice.for_later_prompt(matches, HERE, "do it there too")) == [
        *(0, 2, 3)
    ]
    assert len(remark_choice.for_later_prompt(matches, (), "do it there too")) == 4


def test_a_later_prompt_with_an_error_is_told_of_possible_ones_that_had_it() -> None:
    matches = [
        possible(repo="shop", error_message="ModuleNotFoundError: No module named 'toml'"),
        possible(repo="shop", error_message="timed out"),
        possible(repo="other", error_message="ModuleNotFoundError: No module named 'toml'"),
    ]
    assert told(matches, remark_choice.for_later_prompt(matches, HERE, ERROR)) == [0]
    assert remark_choice.for_later_prompt(matches, HERE, "go on with the next file") == []


def test_an_error_is_told_of_likely_ones_that_had_it_and_say_what_helped() -> None:
    same = "ModuleNotFoundError: No module named 'yaml'"
    matches = [
        match(error_message=same),
        match(error_message=same, solution_summary=None, fix="pip install pyyaml"),
        match(error_message=same, solution_summary=None),
        match(error_message=None, task_description=f"mend this: {ERROR}"),
        match(error_message="no such file or directory", task_description="update the README"),
        possible(error_message=same),
    ]
    assert told(matches, remark_choice.for_error(matches, ERROR)) == [0, 1, 3]
