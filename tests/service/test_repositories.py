"""Filters, statistics, forgetting and evidence take a repository as one, however it is written."""

import pytest
from service.examples import EXPORT, LOGIN, found_ids, record
from services import open_service

from mcp_learning.models.dashboard import ListExecutions, View
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    LearningStats,
    RecommendApproach,
)
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

SHOP = (
    "acme/shop",
    "acme/shop",
    "Acme/Shop",
    "https://github.com/acme/shop.git",
    "git@github.com:acme/shop.git",
    "/srv/acme/shop",
)
OTHER = "other/shop"


@pytest.fixture
async def service(settings: Settings) -> LearningService:
    service = open_service(settings)
    for number, repo in enumerate((*SHOP, OTHER)):
        await record(service, f"{LOGIN} {number}", repo=repo, approach="retry")
    await record(service, EXPORT)
    return service


@pytest.mark.parametrize("repo", ["ACME/shop", "https://GitHub.com/Acme/Shop/", "/srv/acme/shop/"])
async def test_every_spelling_asks_for_the_same_repository(
    service: LearningService, repo: str
) -> None:
    await service.ready()
    try:
        asked = {"repo": repo, "limit": 20, "min_similarity": 0}
        assert len(await found_ids(service, LOGIN, **asked)) == len(SHOP)
        stats = await service.stats(LearningStats(repo=repo, group_by="repo"))
        assert stats.totals.executions == len(SHOP)
        assert [(group.key, group.executions) for group in stats.groups] == [
            ("acme/shop", len(SHOP))
        ]
        listed = await service.listing(ListExecutions(repo=repo))
        assert listed.total == len(SHOP)
        advice = await service.recommend(RecommendApproach(task_description=LOGIN, repo=repo))
        assert advice.options[0].executions == len(SHOP) + 1
        forgotten = await service.forget(ForgetExecutions(repo=repo, dry_run=False))
        assert forgotten.executions == len(SHOP)
        assert (await service.health()).rows == 2
    finally:
        await service.close()


async def test_a_bare_name_asks_for_all_that_have_it_and_groups_keep_owners_apart(
    service: LearningService,
) -> None:
    await service.ready()
    try:
        asked = {"repo": "shop", "limit": 20, "min_similarity": 0}
        assert len(await found_ids(service, LOGIN, **asked)) == len(SHOP) + 1
        groups = (await service.stats(LearningStats(group_by="repo"))).groups
        assert [(one.key, one.executions) for one in groups] == [("acme/shop", 6), (OTHER, 1)]
        choices = (await service.overview(View())).repo_choices
        assert [(one.value, one.executions) for one in choices] == [("acme/shop", 6), (OTHER, 1)]
        await record(service, f"{LOGIN} again", repo="shop")
        groups = (await service.stats(LearningStats(group_by="repo"))).groups
        assert {one.key for one in groups} == {"acme/shop", OTHER, "shop"}
    finally:
        await service.close()


async def test_a_fix_under_another_spelling_is_the_fix_of_the_failure(settings: Settings) -> None:
    service = open_service(settings)
    await service.ready()
    try:
        failed = {"outcome": "failure", "error_message": "ValueError: no session"}
        await record(service, LOGIN, repo="acme/shop", **failed)
        solved = {"solution_summary": "renew the session before the redirect"}
        await record(service, LOGIN, repo="git@github.com:Acme/Shop.git", **solved)
        (pattern,) = (await service.stats(LearningStats())).failures
        assert pattern.fix == "renew the session before the redirect"
        asked = FindSimilarTasks(task_description=LOGIN, outcome="failure")
        (match,) = (await service.find(asked)).matches
        assert match.fix == "renew the session before the redirect"
    finally:
        await service.close()
