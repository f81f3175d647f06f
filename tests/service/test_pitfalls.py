"""Which failures are pitfalls of a task, and what is told of them."""

import random
from itertools import pairwise
from typing import Any

import pytest
from service.examples import LOGIN, record

from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Pitfall
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress

pytestmark = pytest.mark.anyio


async def pitfalls(
    service: LearningService, text: str = LOGIN, by: str = "approach"
) -> list[Pitfall]:
    request = {"task_description": text, "by": by}
    return (await service.recommend(RecommendApproach.model_validate(request))).pitfalls


async def failures(service: LearningService, approach: str, count: int, **values: Any) -> None:
    """Records failures of different login tasks with one approach."""
    for number in range(count):
        text = f"{LOGIN} on page {number} of {approach}"
        await record(service, text, approach=approach, outcome="failure", **values)


KINDS = {
    "context_overflow": (
        "It listed whole directories until the context was full.",
        "Every listing printed thousands of names, and the budget of tokens was gone.",
        "Recursive views of large folders used up the window before any edit.",
        "So much output of directory listings came that the conversation had to end.",
    ),
    "syntax_error": (
        "The edited file could not be parsed, since a bracket was never closed.",
        "An import stood in the middle of a function, and the interpreter refused it.",
        "Wrong indentation was left behind, so that the module no longer compiled.",
        "The patch broke a string literal, and every test failed while it was collected.",
    ),
}
MOST = 24  # failures of the first kind
FEWER = 8


def story(kind: str, rng: random.Random) -> str:
    """A long text about a failed run that names many things which no other one names."""
    names = [f"{rng.choice('abcdefgh')}{rng.randrange(10**6)}" for _ in range(24)]
    work = [f"It opened src/{a}/{b}.py and looked for {b}_{a}." for a, b in pairwise(names)]
    told = rng.sample(KINDS[kind], 3)
    return " ".join([told[0], *work[:8], told[1], *work[8:16], told[2]])


async def test_the_kind_of_failure_that_texts_like_this_one_tell_of_is_first(
    service: LearningService,
) -> None:
    rng = random.Random(5)
    recorded = ["context_overflow"] * MOST + ["syntax_error"] * FEWER
    rng.shuffle(recorded)
    for kind in recorded:
        text = story(kind, rng)
        values = {"error_type": kind, "error_message": text, "approach": "agent"}
        await record(service, text, outcome="failure", **values)
    await service.embed_missing(EmbedMissing(), ignore_progress)

    for kind in [*KINDS, *KINDS, *KINDS]:
        found = await pitfalls(service, story(kind, rng))
        assert found[0].error_type == kind


async def test_a_question_about_something_else_in_a_language_the_model_hardly_knows_has_none(
    service: LearningService,
) -> None:
    tasks = (
        "修复登录页面的重定向循环",
        "加快发票的CSV导出",
        "修复搜索结果的分页错误",
        "优化首页图片加载速度",
    )
    for number, task in enumerate(tasks):
        values = {"error_message": f"失败了 {number}", "approach": "agent"}
        await record(service, task, outcome="failure", **values)
    await service.embed_missing(EmbedMissing(), ignore_progress)

    assert await pitfalls(service, "修复登录页面无限跳转")
    assert not await pitfalls(service, "写一首关于秋天的诗")
    assert not await pitfalls(service, "为生日烤一个巧克力蛋糕")


async def test_a_failure_is_a_pitfall_and_the_later_success_of_the_task_its_fix(
    service: LearningService,
) -> None:
    failed = await record(
        service, outcome="failure", approach="a", error_type="timeout", error_message="loop after 7"
    )
    await record(service, approach="b", solution_summary="expire both together")
    (pitfall,) = await pitfalls(service)
    assert (pitfall.error_type, pitfall.what_happened) == ("timeout", "loop after 7")
    assert (pitfall.fix, pitfall.task_id) == ("expire both together", failed.task_id)


@pytest.mark.parametrize("by", ["approach", "model_tier"])
async def test_a_failure_that_names_no_option_is_a_pitfall_too(
    service: LearningService, by: str
) -> None:
    await record(service, outcome="failure", error_message="loop after 7")
    await record(service, solution_summary="expire both together")
    (pitfall,) = await pitfalls(service, by=by)
    assert (pitfall.what_happened, pitfall.fix) == ("loop after 7", "expire both together")


async def test_errors_that_differ_in_numbers_only_are_one_pitfall(service: LearningService) -> None:
    for number in range(3):
        await failures(service, f"a{number}", 1, error_message=f"loop after {number} redirects")
    (pitfall,) = await pitfalls(service)
    assert pitfall.failures == 3


async def test_a_heading_that_errors_of_several_types_have_in_common_does_not_make_them_one(
    service: LearningService,
) -> None:
    for number, error_type in enumerate(["timeout", "wrong_file", "timeout", "wrong_file"]):
        text = f"Why it failed:\nSo far reason {number}."
        await record(
            service,
            f"{LOGIN}, try {number}",
            approach="a",
            outcome="failure",
            error_type=error_type,
            error_message=text,
        )
    found = await pitfalls(service)
    assert sorted((one.error_type, one.failures) for one in found) == [
        ("timeout", 2),
        ("wrong_file", 2),
    ]


async def test_failures_told_in_prose_are_one_pitfall_by_type_and_the_wordless_are_left_out(
    service: LearningService,
) -> None:
    told = ("The cookie was set twice.", "Somebody removed the header before the redirect.")
    for message in told:
        await failures(service, "a", 1, error_type="wrong_solution", error_message=message)
    await failures(service, "b", 1, error_type="timeout", error_message="gave up after a minute")
    await failures(service, "c", 3, error_type="crash")
    first, second = await pitfalls(service)
    assert (first.error_type, first.failures, first.option) == ("wrong_solution", 2, "a")
    assert second.what_happened == "gave up after a minute"


async def test_a_long_message_is_shown_from_the_sentence_that_tells(
    service: LearningService,
) -> None:
    message = "We looked at every page in turn. " * 20 + "Then the token was missing. So we left."
    await failures(service, "a", 1, error_type="other", error_message=message)
    (pitfall,) = await pitfalls(service)
    assert pitfall.what_happened == "Then the token was missing. So we left."
