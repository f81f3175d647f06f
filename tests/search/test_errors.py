"""A question that quotes an error finds the executions that had it, however common it is."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from anyio.from_thread import BlockingPortal
from search.world import World, hours_ago, like, opened, told

from mcp_learning.search.errors import ErrorForms

DEADLINE = "store/tokens.go: deadline exceeded"


@pytest.fixture
def world(portal: BlockingPortal, empty: Path, tmp_path: Path) -> Iterator[World]:
    with opened(portal, empty, tmp_path / "exact") as world:
        yield world


def quoted(question: str, *forms: str, most: int = 100) -> list[str]:
    known = ErrorForms(most)
    known.follow(["", *forms])
    codes, _ = known.quoted_by(question)
    return [forms[code - 1] for code in codes]


def test_a_phrase_of_an_error_quotes_it() -> None:
    forms = ("<path>: deadline exceeded while waiting for <value>", "index out of range")
    assert quoted("deadline exceeded", *forms) == [forms[0]]
    assert quoted("Deadline exceeded: 7", *forms) == [forms[0]]
    assert quoted("exceeded the deadline", *forms) == []


def test_values_of_an_occurrence_make_no_difference() -> None:
    form = "worker of the plugin loader exited with status <n>"
    assert quoted("worker of the plugin loader exited with status 137", form) == [form]


def test_an_identifier_alone_quotes_an_error() -> None:
    assert quoted("TS2304", "TS2304: Cannot find name <value>") != []
    assert quoted("name", "TS2304: Cannot find name <value>") == []


def test_a_common_phrase_in_a_long_question_is_no_quotation() -> None:
    long = "Write a guide for new developers that tells what to do when a build failed on a laptop"
    assert quoted(long, "build failed") == []
    assert quoted("the build failed again", "build failed") == ["build failed"]


def test_the_words_of_placeholders_are_no_phrase() -> None:
    assert quoted("value of path n", "<value> <path> <n> <id>") == []


def test_only_so_many_forms_are_compared() -> None:
    forms = [f"cannot open device number{letter}" for letter in "abc"]
    assert quoted("cannot open device", *forms, most=3) == forms[:2]


def test_an_error_that_most_executions_have_is_found(world: World) -> None:
    for task in range(40):
        world.record(task, outcome="failure", error_message=DEADLINE)
    world.embed()
    found = told(world.find("deadline exceeded", like(900, 0), floor=None))
    assert len(found) == 5
    assert {match.matched_by for match in found} == {"words"}


def test_the_run_that_had_the_error_is_shown_and_the_one_that_fixed_it_beside(
    world: World,
) -> None:
    def solved(hours: int, repo: str) -> UUID:
        told = {"solution_summary": "raised the deadline", "recorded_at": hours_ago(hours)}
        return world.record(1, None, repo=repo, **told)

    solved(9, "acme/shop")
    failed = world.record(
        1, outcome="failure", error_message=DEADLINE, repo="acme/shop", recorded_at=hours_ago(8)
    )
    fixed = solved(7, "acme/shop")
    solved(6, "acme/other")
    world.embed()
    (match,) = world.find("deadline exceeded", like(1, 0), floor=None).ranked
    assert (match.task_id, match.fix_task_id) == (failed, fixed)
    (match,) = world.find("mend it", like(1, 0), floor=0.5).ranked
    assert match.fix_task_id is None  # a success is shown


def test_a_failure_that_nothing_followed_has_no_fix(world: World) -> None:
    world.record(1, solution_summary="told", recorded_at=hours_ago(1))
    failed = world.record(1, outcome="failure", error_message=DEADLINE)
    world.record(1)
    world.embed()
    (match,) = world.find("deadline exceeded", like(1, 0), floor=None).ranked
    assert (match.task_id, match.fix) == (failed, None)
