"""Hosts that exchange in the background: nobody asks for it, and nobody waits for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from team.hosts import Host, hosts, make_team
from team.pooler import Pooler
from team.server import PostgresServer
from waiting import until

from mcp_learning.errors import NotShared
from mcp_learning.models.requests import LearningStats
from mcp_learning.server import statistics

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(
    server: PostgresServer, database: str, directory: Path, *roles: str, **given: Any
) -> AsyncIterator[list[Host]]:
    """Hosts whose services run, as those of leading processes do."""
    async with (
        hosts(server, database, directory, *roles, **given) as made,
        anyio.create_task_group() as group,
    ):
        for host in made:
            group.start_soon(host.service.run)
        yield made
        group.cancel_scope.cancel()


@pytest.fixture
def own_server() -> Any:
    """A server that may be stopped."""
    made = PostgresServer()
    made.start()
    made.execute("postgres", *(f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben")))
    made.execute("postgres", "CREATE DATABASE team")
    yield made
    made.remove()


async def test_what_one_host_records_and_forgets_reaches_the_other_by_itself(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with running(server, database, tmp_path, "ada", "ben") as (first, second):
        task_id = await first.record("repair the login redirect")

        async def is_found() -> bool:
            return await second.found("repair the login redirect") == [task_id]

        await until(is_found)
        await second.forget(task_id)

        async def is_gone() -> bool:
            return not await first.knows(task_id)

        await until(is_gone)


@pytest.mark.parametrize("trouble", ["suspend", "kill"])
async def test_while_the_server_is_away_everything_goes_on_and_follows_later(
    own_server: PostgresServer, tmp_path: Path, trouble: str
) -> None:
    await make_team(own_server, "team", "ada", "ben")
    async with running(own_server, "team", tmp_path, "ada", "ben") as (first, second):
        before = await first.record("repair the login redirect")

        await until(partial(second.knows, before))
        getattr(own_server, trouble)()
        task_id = await first.record("translate the invoice")
        assert await first.found("translate the invoice") == [task_id]
        assert await second.found("repair the login redirect") == [before]
        assert (await first.team()).waiting >= 1
        stats = await first.service.stats(LearningStats())
        told = statistics.stats(stats, LearningStats())[1]
        assert "wait for the team" in told or "waits for the team" in told
        own_server.resume() if trouble == "suspend" else own_server.start()

        async def has_come() -> bool:
            return await second.knows(task_id) and not (await first.team()).waiting

        await until(has_come)


async def test_a_record_that_the_team_is_to_acknowledge_says_when_it_has_not(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    await make_team(own_server, "team", "ada")
    async with hosts(own_server, "team", tmp_path, "ada", team_ack="team") as (host,):
        await host.record("repair the login redirect")
        count = "SELECT count(*) FROM mcpl.executions"
        assert own_server.execute("team", count) == [(1,)]
        own_server.suspend()
        with pytest.raises(NotShared, match="stored here, but not shared yet"):
            await host.record("translate the invoice")
        own_server.resume()
        await host.record("speed up the export")
        assert own_server.execute("team", count) == [(3,)]


async def test_a_host_that_may_only_read_is_told_once_and_reads_on_with_what_it_changed(
    server: PostgresServer, database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make_team(server, database, "ada", "ben")
    server.execute(database, "UPDATE mcpl.members SET can_write = false WHERE member = 'ben'")
    async with hosts(server, database, tmp_path, "ada", "ben") as (_, reader):
        own = await reader.record("mend the cart")
    async with running(server, database, tmp_path, "ada", "ben") as (first, reader):
        for number in range(3):
            task_id = await first.record(f"translate the invoice, part {number}")
            await until(partial(reader.knows, task_id))

        async def is_up_to_date() -> bool:
            team = (await reader.service.health()).team
            return team is not None and team.behind == 0

        await until(is_up_to_date)
        assert "may not write" in str((await reader.team()).problem)
        assert await reader.knows(own)
        assert not await first.knows(own)
        assert caplog.text.count("may not write") == 1


async def test_what_was_recorded_before_the_first_exchange_is_acknowledged_when_the_team_has_it(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    async with hosts(server, database, tmp_path, "ada", team="", team_url=None) as (alone,):
        task_id = await alone.record("repair the login redirect")
    async with hosts(server, database, tmp_path, "ada", team_ack="team") as (host,):
        await host.record("repair the login redirect", task_id=task_id)  # as after a lost answer
        stored = server.execute(database, "SELECT task_id FROM mcpl.executions")
        assert stored == [(task_id,)]


async def test_through_a_pooler_in_transaction_mode_it_works_the_same(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    with Pooler(server) as pooler:
        url = {role: pooler.url(database, role) for role in ("ada", "ben")}
        async with (
            running(server, database, tmp_path / "a", "ada", team_url=url["ada"]) as (first,),
            running(server, database, tmp_path / "b", "ben", team_url=url["ben"]) as (second,),
        ):
            ids = [await first.record(f"mend the cart, part {number}") for number in range(5)]
            ids += [await second.record(f"mend the search, part {number}") for number in range(5)]

            async def all_are_known() -> bool:
                return all([await host.knows(one) for host in (first, second) for one in ids])

            await until(all_are_known)


async def test_a_host_that_left_stays_out_until_it_is_told_to_join_or_starts_anew(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    roles = ("ada", "ben", "ben")
    async with running(server, database, tmp_path, *roles, team_ack="team") as (first, *others):
        second, third = others
        await first.record("repair the login redirect")
        await first.service.leave_team()
        own = await first.record("speed up the nightly export")
        for text in ("translate the invoice", "mend the cart"):  # one is announced, and another
            task_id = await second.record(text)
            await until(partial(third.knows, task_id))
        assert not await first.knows(task_id)
        assert not await third.knows(own)
        await first.exchange(fill=True)
        assert await first.knows(task_id)
        await until(partial(third.knows, own))
