"""Advice for routers: several tasks at once, and model tier, pool and topology together."""

from typing import Any

import pytest
from service.examples import EXPORT, LOGIN, record

from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Recommendation
from mcp_learning.server import advice
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio


async def recommend(service: LearningService, **values: Any) -> Recommendation:
    given = {"task_description": LOGIN} | values
    return await service.recommend(RecommendApproach.model_validate(given))


async def routed(
    service: LearningService, tier: str, pool: str, won: int, lost: int, text: str = LOGIN
) -> None:
    for number in range(won + lost):
        outcome = "success" if number < won else "failure"
        labels = {"model_tier": tier, "pool_type": pool, "approach": None, "outcome": outcome}
        await record(service, f"{text} on page {number} for {tier} {pool}", **labels)


async def test_choices_are_named_by_their_parts_and_ordered_together(
    service: LearningService,
) -> None:
    await routed(service, "small", "cpu", 1, 6)
    await routed(service, "large", "cpu", 6, 1)
    found = await recommend(service, by="routing")
    first, last = found.options
    assert (first.label, first.model_tier) == ("tier large, pool cpu", "large")
    assert (last.model_tier, last.pool_type, last.swarm_topology) == ("small", "cpu", None)
    assert first.success_rate > 0.6 > 0.4 > last.success_rate


async def test_parts_of_a_choice_may_have_commas(service: LearningService) -> None:
    await routed(service, "small", "2 workers, 1 reviewer", 3, 1)
    (only,) = (await recommend(service, by="routing")).options
    assert (only.model_tier, only.pool_type) == ("small", "2 workers, 1 reviewer")


async def test_a_choice_that_was_hardly_made_is_expected_to_be_as_its_parts_are(
    service: LearningService,
) -> None:
    for pool in ("cpu", "gpu", "tpu"):
        await routed(service, "small", pool, 1, 5)
    for pool in ("cpu", "gpu"):
        await routed(service, "large", pool, 5, 1)
    await routed(service, "large", "tpu", 0, 1)
    found = await recommend(service, by="routing", limit=50)
    rates = {option.label: option.success_rate for option in found.options}
    assert rates["tier large, pool tpu"] > rates["tier small, pool tpu"] + 0.1


async def test_several_tasks_are_answered_in_their_order_each_as_if_asked_alone(
    service: LearningService,
) -> None:
    await routed(service, "small", "cpu", 6, 0)
    await routed(service, "large", "cpu", 0, 6)
    await routed(service, "large", "cpu", 6, 0, EXPORT)
    await routed(service, "small", "cpu", 0, 6, EXPORT)
    found = await recommend(service, by="model_tier", more_tasks=[EXPORT, LOGIN])
    firsts = [one.options[0].label for one in (found, *found.more)]
    assert firsts == ["small", "large", "small"]
    alone = await recommend(service, task_description=EXPORT, by="model_tier")
    assert found.more[0].options == alone.options


async def test_of_many_tasks_each_keeps_its_first_option_when_tokens_are_short(
    service: LearningService,
) -> None:
    await routed(service, "small", "cpu", 6, 0)
    await routed(service, "large", "cpu", 2, 4)
    given = {"by": "model_tier", "more_tasks": [LOGIN] * 4, "max_tokens": 1_400}
    request = RecommendApproach.model_validate({"task_description": LOGIN} | given)
    shown, text = advice.recommendation(await service.recommend(request), request)
    assert [len(one.options) for one in shown.more] == [1] * 4
    assert shown.truncated
    assert "Task 5:" in text


async def test_further_tasks_need_no_greater_budget_to_be_answered(
    service: LearningService,
) -> None:
    await routed(service, "small", "cpu", 6, 0)
    request = RecommendApproach(task_description=LOGIN, by="model_tier", more_tasks=[LOGIN] * 9)
    shown, _ = advice.recommendation(await service.recommend(request), request)
    assert [one.options[0].label for one in shown.more] == ["small"] * 9
