"""Filters, statistics, forgetting, advice and lessons take a task type as one, however spelt."""

import pytest
from service.examples import EXPORT, LOGIN, found_ids, record

from mcp_learning.models.dashboard import ListExecutions, View
from mcp_learning.models.lessons import ChangeLesson, ListLessons, ReviewLessons, SaveLesson
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    LearningStats,
    RecommendApproach,
)
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

SPELT = ("bug_fix", "bug_fix", "Bug Fix", "bug-fix", "BUG_FIX", "bug/fix")
"""One type, in the commonest spelling first."""


@pytest.fixture
async def filled(service: LearningService) -> LearningService:
    for number, spelt in enumerate(SPELT):
        ended = "success" if number % 2 else "failure"
        values = {"task_type": spelt, "approach": ("Plan first", "plan-first")[number % 2]}
        await record(service, f"{LOGIN} {number}", outcome=ended, **values)
    await record(service, EXPORT, task_type="docs", approach="outline")
    await service.ready()
    return service


@pytest.mark.parametrize("asked", ["bug_fix", "bug fix", "Bug.Fix"])
async def test_every_spelling_asks_for_the_same_type(filled: LearningService, asked: str) -> None:
    wanted = {"limit": 20, "min_similarity": 0}
    assert len(await found_ids(filled, LOGIN, task_type=asked, **wanted)) == len(SPELT)
    stats = await filled.stats(LearningStats(task_type=asked))
    assert [(group.key, group.executions) for group in stats.groups] == [("bug_fix", len(SPELT))]
    assert (await filled.listing(ListExecutions(task_type=asked))).total == len(SPELT)
    forgotten = await filled.forget(ForgetExecutions(task_type=asked, dry_run=False))
    assert forgotten.executions == len(SPELT)
    assert (await filled.health()).rows == 1


async def test_a_search_takes_an_approach_in_any_spelling(filled: LearningService) -> None:
    asked = {"approach": "PLAN FIRST", "limit": 20, "min_similarity": 0}
    assert len(await found_ids(filled, LOGIN, **asked)) == len(SPELT)


async def test_what_is_recorded_keeps_its_spelling(filled: LearningService) -> None:
    request = FindSimilarTasks(task_description=f"{LOGIN} 2", limit=1)
    assert (await filled.find(request)).matches[0].task_type == "Bug Fix"
    view = await filled.overview(View())
    assert [one.value for one in view.task_type_choices] == ["bug_fix", "docs"]


async def test_advice_counts_all_spellings_of_a_type(filled: LearningService) -> None:
    unlike = "Repair the thumbnail cache of the gallery"
    request = RecommendApproach(task_description=unlike, task_type="Bug fix")
    (advised, *_) = (await filled.recommend(request)).options
    assert (advised.label, advised.basis) == ("Plan first", "task type")


async def test_a_lesson_and_its_packet_are_about_all_spellings(filled: LearningService) -> None:
    (packet,) = (await filled.review_lessons(ReviewLessons(task_type="BUG FIX"))).packets
    assert (packet.task_type, packet.executions) == ("bug_fix", len(SPELT))
    saved = SaveLesson(
        when="the login redirects for ever",
        do="renew the session first, since the redirect needs it",
        task_type="Bug-Fix",
        evidence=[packet.successes[0].task_id],
    )
    lesson_id = str((await filled.save_lesson(saved)).lesson_id)
    # On trial it would be withheld from a random half of the tasks.
    await filled.change_lesson(ChangeLesson(lesson_id=lesson_id, action="pin"))
    assert len((await filled.list_lessons(ListLessons(task_type="bug fix"))).lessons) == 1
    assert not (await filled.list_lessons(ListLessons(task_type="docs"))).lessons
    found = await filled.find(FindSimilarTasks(task_description=LOGIN, task_type="bug_fix"))
    assert [one.when for one in found.lessons] == [saved.when]
    other = await filled.find(FindSimilarTasks(task_description=LOGIN, task_type="docs"))
    assert not other.lessons
