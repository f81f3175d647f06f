"""What others wrote in a team that a host has left: it stays there, and no other team gets it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from team.hosts import REPO, Host, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.models.lessons import SaveLesson

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def moved(
    server: PostgresServer, database: str, directory: Path, *texts: str, **given: Any
) -> AsyncIterator[tuple[Host, list[UUID]]]:
    """A host that has left the team `shop` for `lab`, and what ben told there."""
    await make_team(server, database, "ada", "ben")
    await make_team(server, database, "ada", team="lab")
    async with hosts(server, database, directory, "ada", "ben") as (host, other):
        told = [await other.record(text) for text in texts]
        save = SaveLesson(when="mending", do="look at the wheels", evidence=told[:1], repo=REPO)
        await other.service.save_lesson(save)
        await exchange(other, host)
        await host.service.leave_team()
    async with hosts(server, database, directory, "ada", team="lab", **given) as (host,):
        await host.exchange(fill=True)
        yield host, told


def shared(server: PostgresServer, database: str, team: str) -> set[object]:
    """Everything that a team has, by its ids."""
    found: set[object] = set()
    for table, name in (("executions", "task_id"), ("lessons", "lesson_id"), ("uses", "used")):
        query = f"SELECT {name} FROM mcpl.{table} JOIN mcpl.teams t USING (team)"
        found |= {row[0] for row in server.execute(database, f"{query} WHERE t.name = '{team}'")}
    return found


async def test_it_is_corrected_judged_and_forgotten_there_and_the_next_team_hears_nothing(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    async with moved(server, database, tmp_path, "mend the cart", "gone") as (host, (kept, gone)):
        await host.revise(kept, approach="by hand")
        await host.judge(kept, rating=4)
        await host.forget(gone)
        own = await host.record("translate the invoice")
        assert (await host.team()).waiting == 1
        for _ in range(3):
            await host.exchange(fill=True)
        assert shared(server, database, "lab") == {own}
        found = await host.detail(kept)
        assert (found.execution.approach, found.execution.author) == ("by hand", "ben")
        assert [one.rating for one in found.feedback] == [4]


async def test_it_stays_when_the_next_team_s_store_is_replaced(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    async with moved(server, database, tmp_path, "mend the cart") as (host, (kept,)):
        server.execute(database, "UPDATE mcpl.teams SET epoch = gen_random_uuid()")
        await host.exchange()
        assert (await host.execution(kept)).author == "ben"


async def test_it_stays_where_nothing_of_the_next_team_is_to_be_held(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    given = {"team_replica": "none"}
    texts = ("mend the cart", "mend the login")
    async with moved(server, database, tmp_path, *texts, **given) as (host, told):
        await host.record("translate the invoice")
        await host.exchange()
        assert (await host.team()).held == 1
        for one in told:
            assert (await host.execution(one)).author == "ben"


async def test_it_is_the_team_s_again_with_feedback_when_the_host_is_back(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    async with moved(server, database, tmp_path, "mend the cart") as (host, (kept,)):
        await host.judge(kept, rating=4)
        await host.service.leave_team()
    async with hosts(server, database, tmp_path, "ada", "ben") as (host, other):
        await host.exchange(fill=True)
        await host.revise(kept, approach="by hand")
        await exchange(host, other)
        found = await other.detail(kept)
        assert found.execution.approach == "by hand"
        assert [one.rating for one in found.feedback] == [4]


async def test_what_a_host_wrote_under_several_roles_is_brought_to_the_next_team(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    await make_team(server, database, "ada", team="lab")
    own = []
    for role in ("ada", "ben"):
        async with hosts(server, database, tmp_path, role) as (host,):
            own.append(await host.record(f"mend the cart as {role}"))
            await host.exchange()
    async with hosts(server, database, tmp_path, "ben") as (host,):
        await host.exchange()
        await host.service.leave_team()
        assert [(await host.execution(one)).author for one in own] == [None, None]
    async with hosts(server, database, tmp_path, "ada", team="lab") as (host,):
        await host.exchange(fill=True)
    assert shared(server, database, "lab") == set(own)


async def test_it_stays_as_it_is_where_the_host_has_its_author_s_role_in_the_next_team(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    async with moved(server, database, tmp_path, "mend the cart") as (host, (kept,)):
        await host.service.leave_team()
    await make_team(server, database, "ben", team="lab")
    async with hosts(server, database, tmp_path, "ben", team="lab") as (host,):
        await host.exchange(fill=True)
        await host.service.leave_team()
        assert (await host.execution(kept)).author == "ben"
        await host.exchange(fill=True)
        assert shared(server, database, "lab") == set()
