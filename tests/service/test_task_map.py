"""The map of tasks, and what its areas and the other filters leave of the figures."""

from uuid import UUID

import numpy as np
import pytest

from mcp_learning.models.dashboard import Area, ListExecutions, TaskMap, View
from mcp_learning.models.requests import ForgetExecutions, RecordExecution
from mcp_learning.search.projection import fit
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


def around(found: TaskMap, *positions: int) -> Area:
    x, y = [found.x[at] for at in positions], [found.y[at] for at in positions]
    return Area(left=min(x), bottom=min(y), right=max(x), top=max(y))


async def test_each_execution_has_a_place_near_those_like_it(service: LearningService) -> None:
    await record_all(service)
    found = await service.dashboard.task_map(View())
    assert (found.embedded, found.unplaced) == (len(TEXTS), 0)
    assert len(set(found.task_ids)) == len(TEXTS)
    assert found.outcomes == [0, 1, 2, 0, 1, 2]
    assert [found.task_types[kind] for kind in found.kinds] == ["bug_fix"] * 4 + ["docs"] * 2
    places = np.array([found.x, found.y]).T
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(len(TEXTS))
    assert apart.argmin(axis=1).tolist() == [1, 0, 3, 2, 5, 4]


async def test_an_area_and_filters_narrow_every_figure_alike(service: LearningService) -> None:
    await record_all(service)
    found = await service.dashboard.task_map(View())
    pair = around(found, 2, 3)
    for view, expected in (
        (View(), {0, 1, 2, 3, 4, 5}),
        (View(area=pair), {2, 3}),
        (View(area=pair, repo="acme/shop"), {3}),
        (View(task_type="docs", days=1), {4, 5}),
        (View(area=pair, task_type="docs"), set()),
        (View(repo="nobody/nothing"), set()),
    ):
        overview = await service.dashboard.overview(view)
        asked = ListExecutions(**view.model_dump())
        listing = await service.dashboard.listing(asked)
        learned = await service.dashboard.learned(view)
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


async def test_a_new_execution_finds_its_place_and_a_forgotten_one_leaves(
    service: LearningService,
) -> None:
    await record_all(service)
    before = await service.dashboard.task_map(View())
    await service.record(
        RecordExecution(task_type="docs", task_description=TEXTS[2], outcome="success")
    )
    await service.ready()
    after = await service.dashboard.task_map(View())
    assert (after.x[:-1], after.y[:-1]) == (before.x, before.y)
    assert (after.x[-1], after.y[-1]) == (before.x[2], before.y[2])
    await service.forget(ForgetExecutions(task_ids=[UUID(after.task_ids[2])], dry_run=False))
    left = await service.dashboard.task_map(View())
    assert left.task_ids == [*after.task_ids[:2], *after.task_ids[3:]]


async def test_an_empty_database_has_an_empty_map_and_no_figures(service: LearningService) -> None:
    found = await service.dashboard.task_map(View())
    assert (found.task_ids, found.embedded) == ([], 0)
    overview = await service.dashboard.overview(View())
    assert (overview.recorded, overview.buckets, overview.totals.executions) == (0, [], 0)
    learned = await service.dashboard.learned(View(area=Area(left=-1, bottom=-1, right=1, top=1)))
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
    loop = (await service.dashboard.learned(View())).loop
    assert (loop.with_use.success, loop.with_use.failure, loop.links) == (1, 2, 3)
    assert (loop.without_use.success, loop.without_use.failure) == (1, 0)
    ((used,),) = (loop.most_used,)
    assert (used.task_id, used.uses, used.success, used.failure) == (first.task_id, 3, 1, 2)


async def test_the_pulse_changes_with_every_record_and_with_nothing_else(
    service: LearningService,
) -> None:
    await record_all(service)
    before = await service.dashboard.pulse()
    await service.dashboard.overview(View())
    await service.dashboard.task_map(View())
    assert await service.dashboard.pulse() == before
    await service.record(
        RecordExecution(task_type="docs", task_description="write", outcome="success")
    )
    assert await service.dashboard.pulse() != before


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 50])
def test_the_plane_is_the_one_of_the_greatest_variance(rows: int) -> None:
    rng = np.random.default_rng(rows)
    vectors = rng.standard_normal((rows, 6)).astype(np.float32)
    vectors[:, 4] *= 9
    vectors[:, 1] *= 5
    plane = fit(vectors, np.arange(rows))
    assert plane.axes.T @ plane.axes == pytest.approx(np.eye(2), abs=1e-5)
    assert 0 <= plane.explained <= 1 + 1e-6
    if rows == 50:
        assert np.abs(plane.axes).argmax(axis=0).tolist() == [4, 1]
        assert (plane.axes[[4, 1], [0, 1]] > 0).all()
    placed = plane.place(vectors)
    assert placed == pytest.approx((vectors - plane.mean) @ plane.axes, abs=1e-4)
