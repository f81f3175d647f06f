"""Which failures are pitfalls of a task that has few words in common with them."""

import random
from itertools import pairwise

import pytest
from service.examples import record

from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.requests import RecommendApproach
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress

pytestmark = pytest.mark.anyio

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
        request = RecommendApproach(task_description=story(kind, rng))
        found = (await service.recommend(request)).pitfalls
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

    async def pitfalls(text: str) -> int:
        found = await service.recommend(RecommendApproach(task_description=text))
        return len(found.pitfalls)

    assert await pitfalls("修复登录页面无限跳转") > 0
    assert await pitfalls("写一首关于秋天的诗") == 0
    assert await pitfalls("为生日烤一个巧克力蛋糕") == 0
