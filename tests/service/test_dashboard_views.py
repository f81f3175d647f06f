"""What a view's filters leave of the dashboard's figures, and that they are those of statistics."""

from typing import Any

import pytest
from service.examples import execute

from mcp_learning.models.dashboard import ListExecutions, View
from mcp_learning.models.requests import LearningStats, RecommendApproach, RecordExecution
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

TEXTS = (
    "fix the login redirect loop after the session expired",
    "users can't log in with single sign-on",
    "speed up the nightly database backup",
    "the backup of the database takes all night",
    "translate the invoice page into French",
    "correct the German words on the invoice",
)


async def record_all(service: LearningService) -> None:
    for number, text in enumerate(TEXTS):
        task = {
            "task_type": "bug_fix" if number < 4 else "docs",
            "task_description": text,
            "outcome": ("success", "failure", "pending")[number % 3],
            "repo": "acme/shop" if number % 2 else "acme/bank",
            "cost_usd": 1.0,
        }
        await service.record(RecordExecution.model_validate(task))
    await service.ready()


async def test_filters_narrow_every_figure_alike(service: LearningService) -> None:
    await record_all(service)
    for view, expected in (
        (View(), {0, 1, 2, 3, 4, 5}),
        (View(repo="acme/shop"), {1, 3, 5}),
        (View(repo="acme/shop", task_type="docs"), {5}),
        (View(task_type="docs", days=1), {4, 5}),
        (View(repo="nobody/nothing"), set()),
    ):
        overview = await service.overview(view)
        asked = ListExecutions(**view.model_dump())
        listing = await service.listing(asked)
        learned = await service.learned(view)
        texts = {TEXTS[at] for at in expected}
        assert {one.task_description for one in listing.executions} == texts
        assert listing.total == overview.totals.executions == len(texts)
        counted = sum(one.success + one.failure + one.pending for one in overview.buckets)
        assert counted == len(texts)
        assert sum(group.executions for group in overview.repos) == len(texts)
        assert overview.recorded == len(TEXTS)
        failed = sum(at % 3 == 1 for at in expected)
        told = sum(pattern.failures for pattern in learned.failures) + learned.other_failures
        assert told == failed
        loop = learned.loop
        ended = loop.without_use.success + loop.without_use.failure
        assert ended == sum(at % 3 != 2 for at in expected)


async def test_a_list_can_be_narrowed_further(service: LearningService) -> None:
    for number, approach in enumerate(("guess", "bisect", "guess")):
        task = {"task_type": "docs", "task_description": TEXTS[number], "approach": approach}
        outcome = ("success", "failure", "pending")[number]
        await service.record(RecordExecution.model_validate({**task, "outcome": outcome}))
    latest = (await service.listing(ListExecutions(limit=1))).executions[0].recorded_at

    async def listed(**values: object) -> set[str]:
        page = await service.listing(ListExecutions.model_validate(values))
        assert page.total == len(page.executions)
        return {one.task_description for one in page.executions}

    assert await listed(approach="guess") == {TEXTS[0], TEXTS[2]}
    assert await listed(approach="guess", outcome="success") == {TEXTS[0]}
    assert await listed(outcome="pending") == {TEXTS[2]}
    assert await listed(since=latest) == {TEXTS[2]}
    assert await listed(since=latest, outcome="failure") == set()


async def test_a_list_of_all_has_what_a_wrong_clock_dated_in_the_future(
    service: LearningService,
) -> None:
    await record_all(service)
    await execute(
        service,
        "UPDATE executions SET timestamp = timestamp + INTERVAL 3 YEAR WHERE task_type = 'docs'",
    )
    assert (await service.listing(ListExecutions())).total == len(TEXTS)
    assert (await service.listing(ListExecutions(days=1))).total == 4


async def test_an_empty_database_has_no_figures(service: LearningService) -> None:
    overview = await service.overview(View())
    assert (overview.recorded, overview.buckets, overview.totals.executions) == (0, [], 0)
    learned = await service.learned(View())
    assert (learned.approaches, learned.failures, learned.loop.most_used) == ([], [], [])


async def test_uses_are_counted_with_how_they_ended(service: LearningService) -> None:
    first = await service.record(
        RecordExecution(task_type="docs", task_description=TEXTS[0], outcome="success")
    )
    for outcome in ("success", "failure", "failure"):
        task = {
            "task_type": "docs",
            "task_description": TEXTS[1],
            "outcome": outcome,
            "used_task_ids": [first.task_id],
        }
        await service.record(RecordExecution.model_validate(task))
    loop = (await service.learned(View())).loop
    assert (loop.with_use.success, loop.with_use.failure, loop.links) == (1, 2, 3)
    assert (loop.without_use.success, loop.without_use.failure) == (1, 0)
    ((used,),) = (loop.most_used,)
    assert (used.task_id, used.uses, used.success, used.failure) == (first.task_id, 3, 1, 2)


async def test_the_pulse_changes_with_every_record_and_its_vector_and_with_nothing_else(
    service: LearningService,
) -> None:
    await record_all(service)
    before = await service.pulse()
    await service.overview(View())
    await service.learned(View())
    assert await service.pulse() == before
    await service.record(
        RecordExecution(task_type="docs", task_description="write", outcome="success")
    )
    recorded = await service.pulse()
    assert recorded != before
    await service.ready()
    assert await service.pulse() not in (before, recorded)


async def test_rates_are_those_of_statistics_by_the_confidence_of_outcomes(
    service: LearningService,
) -> None:
    first = None
    for approach in ("a", "b"):
        for number in range(24):
            lost = number % (3 if approach == "a" else 4) == 0
            task: dict[str, Any] = {
                "task_type": "bug_fix",
                "task_description": f"{TEXTS[0]} on page {number}",
                "approach": approach,
                "outcome": "failure" if lost else "success",
                "details": {"outcome_confidence": 0.3 if lost else 0.95, "outcome_basis": "git"},
                "used_task_ids": [first] if first else [],
            }
            first = (await service.record(RecordExecution.model_validate(task))).task_id
    stats = await service.stats(LearningStats(group_by="approach"))
    learned, overview = await service.learned(View()), await service.overview(View())
    fields = ("success", "failure", "success_rate", "interval_low", "interval_high")
    groups = {group.key: [getattr(group, name) for name in fields] for group in stats.groups}
    compared = learned.approaches
    assert {one.approach: [getattr(one, name) for name in fields] for one in compared} == groups
    rates = {group.key: group.success_rate for group in stats.groups}
    assert [one.against_others.before for one in compared] == [rates["a"], rates["b"]]
    page = await service.insights()
    assert page.contrasted == len(groups)
    assert {point.success_rate for point in overview.rates} == {stats.totals.success_rate}
    assert learned.loop.with_use.success_rate == pytest.approx(stats.totals.success_rate, abs=0.01)
    assert learned.loop.with_use.success + learned.loop.with_use.failure == 47


async def test_spellings_of_an_approach_are_one_as_in_recommendations(
    service: LearningService,
) -> None:
    spelt = {"Plan first": 4, "plan-first": 3, "PLAN_FIRST": 1, "rewrite": 4}
    for approach, count in spelt.items():
        for number in range(count):
            task = {
                "task_type": "bug_fix",
                "task_description": f"{TEXTS[0]} on page {number}",
                "approach": approach,
                "model_tier": approach.upper(),
                "outcome": "failure" if approach == "rewrite" else "success",
            }
            await service.record(RecordExecution.model_validate(task))
    await service.ready()
    expected = {"Plan first": 8, "rewrite": 4}
    asked = RecommendApproach(task_description=TEXTS[0])
    told = (await service.recommend(asked)).options
    assert {one.label: one.executions for one in told} == expected
    stats = await service.stats(LearningStats(group_by="approach"))
    assert {one.key: one.executions for one in stats.groups} == expected
    tiers = (await service.stats(LearningStats(group_by="model_tier"))).groups
    assert [(one.key, one.executions) for one in tiers] == [("PLAN FIRST", 8), ("REWRITE", 4)]
    compared = (await service.learned(View())).approaches
    assert {one.approach: one.success + one.failure for one in compared} == expected
    for approach, count in expected.items():
        listing = await service.listing(ListExecutions(approach=approach))
        assert listing.total == count
