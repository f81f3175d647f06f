"""Which lessons an agent meets: at most three in 200 tokens, with a place for one on trial."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from lessons.test_trials import lesson
from mcp_learning.lessons import matching
from mcp_learning.lessons.matching import LessonsInUse, TaskAtHand
from mcp_learning.lessons.wording import line
from mcp_learning.models.lessons import LONGEST, Lesson
from mcp_learning.models.quoting import CHARACTERS_PER_TOKEN


def ids(some: list[Lesson]) -> set[UUID]:
    return {one.lesson_id for one in some}


@pytest.mark.parametrize("length", [10, 80, LONGEST])
def test_lessons_keep_to_their_budget_in_both_forms(length: int) -> None:
    text = ("word " * LONGEST)[:length].strip()
    many = [lesson(when=text, do=text, avoid=text, status="kept") for _ in range(3)]
    lessons = LessonsInUse(many)
    assert lessons.in_budget(many, 20) == []
    shown = lessons.in_budget(many)
    assert shown
    forms = [[one.model_dump_json(exclude_none=True) for one in shown], map(line, shown)]
    for form in forms:
        assert sum(map(len, form)) / CHARACTERS_PER_TOKEN <= matching.MAX_TOKENS


def test_one_on_trial_has_a_place_beside_kept_ones_and_they_take_turns() -> None:
    kept = [lesson(status="kept") for _ in range(5)]
    tried = [lesson() for _ in range(5)]
    seen = set()
    for unit in range(60):
        offered = matching.choose([*kept, *tried], str(unit))
        assert len(offered) == matching.MOST
        assert len(ids(offered) & ids(tried)) == 1
        seen |= ids(offered) & ids(tried)
    assert seen == ids(tried)


def test_a_lesson_fits_by_type_repository_execution_words_or_meaning() -> None:
    known = uuid4()
    told = lesson(evidence=[known], repo="acme/shop", task_type="bug_fix")

    def fits(task: TaskAtHand, similarity: float = 0.0) -> bool:
        return LessonsInUse([told]).matching(task, lambda *_: [similarity]) == [told]

    assert not fits(TaskAtHand("the login fails", "acme/billing", "bug_fix"), 1.0)
    assert not fits(TaskAtHand("the login fails", "", "docs"), 1.0)
    assert fits(TaskAtHand("the login fails"))
    other = TaskAtHand("users can't get in", "shop", "bug_fix")
    assert not fits(other)
    assert fits(other, 0.6)
    assert fits(other._replace(alike=[known]))


def test_only_lessons_of_which_nothing_else_decides_are_compared_by_meaning() -> None:
    named, other = lesson(), lesson(when="the printer is on fire")
    approach = lesson(kind="approach", task_type="bug_fix", when="the task is a bug_fix")
    compared: list[tuple[list[Lesson], str]] = []

    def compare(lessons: Sequence[Lesson], text: str) -> list[float]:
        compared.append((list(lessons), text))
        return []

    task = TaskAtHand("the login fails", task_type="docs")
    assert LessonsInUse([named, other, approach]).matching(task, compare) == [named]
    assert compared == [([other], "the login fails")]
    LessonsInUse([named]).matching(task, compare)
    assert len(compared) == 1


def test_what_is_known_of_approaches_fits_the_tasks_of_the_type_alone() -> None:
    one = lesson(kind="approach", task_type="bug_fix", when="the task is a bug_fix")

    def fitting(task: TaskAtHand) -> list[Lesson]:
        return LessonsInUse([one]).matching(task, lambda *_: [1.0])

    assert fitting(TaskAtHand("anything", task_type="bug_fix")) == [one]
    assert fitting(TaskAtHand("the task is a bug_fix")) == []


def test_a_command_is_known_by_its_first_words_in_its_repository() -> None:
    one = lesson(kind="command", key="command:acme/shop:npm ci", repo="acme/shop")

    def about(command: str, repo: str, *known_as: str) -> list[Lesson]:
        return LessonsInUse([one]).about_command(TaskAtHand(command, repo, known_as=known_as))

    for command in ("npm ci", "cd web && npm ci", "CI=1 npm ci"):
        assert about(command, "acme/shop") == [one]
    assert about("npm install", "acme/shop") == []
    assert about("npm ci", "acme/billing") == []
    assert about("npm ci", "checkout", "git@example.org:acme/shop.git") == [one]
