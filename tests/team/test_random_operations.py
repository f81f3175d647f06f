"""Hosts that hold all, some and nothing, after any operations: they have the same in the end."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from team.hosts import Host, make_team, search_by_meaning, settings_of
from team.operations import ALL, HOLDS, PRIVATE, Team, role_of
from team.server import PostgresServer
from waiting import until

from mcp_learning.errors import NotFound
from mcp_learning.models.lessons import Lesson, ListLessons
from mcp_learning.models.requests import LearningStats
from mcp_learning.models.results import ExecutionDetail

pytestmark = pytest.mark.anyio

NONE, OWN, FEW = HOLDS
HOSTS = (("ada", ALL), ("ben", ALL), ("ben", NONE), ("ada", FEW), ("ben", OWN))
"""The roles of the hosts, and what they hold."""


@asynccontextmanager
async def team(
    server: PostgresServer, database: str, directory: Path, seed: int
) -> AsyncIterator[Team]:
    """Hosts of which two hold everything, one nothing, one a few, and one what is its own."""
    await make_team(server, database, "ada", "ben")
    await search_by_meaning(server, database)
    settings = [
        settings_of(server, database, directory / str(number), role, team_private=PRIVATE, **given)
        for number, (role, given) in enumerate(HOSTS)
    ]
    all_hosts = [Host(one) for one in settings]
    made = Team(directory, server, random.Random(seed), settings, all_hosts)
    for _ in range(5):
        await made.record()
    yield made
    for host in made.hosts:
        await host.service.close()


def comparable(detail: ExecutionDetail) -> dict[str, Any]:
    found = {**detail.execution.model_dump(), "outcome_reason": detail.outcome_reason}
    for name in ("feedback", "used_task_ids", "used_by"):
        found[name] = sorted(map(str, getattr(detail, name)))
    return found


async def lessons_of(host: Host, told: set[UUID]) -> dict[UUID, Lesson]:
    """Those of some lessons that a host has, with evidence in one order."""
    found = (await host.service.list_lessons(ListLessons())).lessons
    return {
        one.lesson.lesson_id: one.lesson.model_copy(
            update={"evidence": sorted(one.lesson.evidence), "updated_at": None}
        )
        for one in found
        if one.lesson.lesson_id in told
    }


async def tells(host: Host, task_id: UUID, expected: dict[str, Any]) -> bool:
    """Whether a host, which may have to fetch it, tells this of an execution."""
    try:
        return comparable(await host.detail(task_id)) == expected
    except NotFound:  # a server that was slow isn't asked again for a while
        return False


async def check_private(made: Team, server: PostgresServer, database: str) -> None:
    """Hosts of one role have what is private to it, the same, and others don't; then it is gone."""
    query = "SELECT task_id, author FROM mcpl.executions WHERE visibility = 'private'"
    stored = {UUID(str(one)): author for one, author in server.execute(database, query)}
    assert stored == made.private
    for one, role in made.private.items():
        owners = [
            host
            for host, given in zip(made.hosts, made.settings, strict=True)
            if role_of(given) == role
        ]
        expected = comparable(await owners[0].detail(one))
        for host in made.hosts:
            if host in owners:
                await until(partial(tells, host, one, expected))
            else:
                with pytest.raises(NotFound):
                    await host.detail(one)
        await owners[0].forget(one)
    await made.settle()


async def test_whatever_hosts_did_they_have_the_same_in_the_end(
    vector_server: PostgresServer,
    vector_database: str,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    tell: Callable[[str], None],
) -> None:
    steps, seed = pytestconfig.getoption("--operations"), pytestconfig.getoption("--seed")
    async with team(vector_server, vector_database, tmp_path, seed) as made:
        for _ in range(steps):
            await made.operate()
        await made.settle()
        await check_private(made, vector_server, vector_database)
        for one, told in made.known.items():
            whole, *others = made.hosts
            expected = comparable(await whole.detail(one))
            for name, values in told.items():
                assert expected[name] in values
            for host in others:
                await until(partial(tells, host, one, expected))
        lessons = [await lessons_of(host, made.lessons) for host in made.hosts]
        assert all(one == lessons[0] for one in lessons)
        for one in made.forgotten:
            for host in made.hosts:
                with pytest.raises(NotFound):
                    await host.detail(one)
        made.forgotten |= set(made.private)
        query = "SELECT task_id FROM mcpl.executions WHERE doc IS NOT NULL"
        there = vector_server.execute(vector_database, query)
        assert {UUID(str(row[0])) for row in there} == set(made.known)
        first, second, *_ = [await one.service.stats(LearningStats()) for one in made.hosts]
        assert (first.totals, first.groups) == (second.totals, second.groups)
        for question in [made.text() for _ in range(8)]:
            found = [await host.found(question) for host in made.hosts]
            assert found[0] == found[1]
            assert set().union(*found) <= set(made.known)
        count, gone = len(made.known), len(made.forgotten)
        tell(f"{steps} operations of 5 hosts: {count} executions are the same, {gone} are gone")
