"""Another server takes the place of the first one, which is killed while hosts write."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import anyio
import pytest
from team.feed import Feed
from team.hosts import REPO, Host, exchange, hosts, make_team, settings_of
from team.server import PostgresServer
from team.standby import Standby
from waiting import until

from mcp_learning.errors import NotFound, TeamUnreachable
from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.team import setup

pytestmark = pytest.mark.anyio


@contextmanager
def pair(*, synchronous: bool) -> Iterator[Standby]:
    """A server with roles and a database for a team, and its standby."""
    primary = PostgresServer()
    try:
        primary.start()
        roles = (f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben", "eve"))
        primary.execute("postgres", *roles, "CREATE DATABASE learning")
        with Standby(primary, synchronous=synchronous) as standby:
            yield standby
    finally:
        primary.remove()


@pytest.fixture
def synchronous(server: PostgresServer) -> Iterator[Standby]:
    """A standby that has all that its primary acknowledges; `server` says if there is any."""
    with pair(synchronous=True) as made:
        yield made


@pytest.fixture
def asynchronous(server: PostgresServer) -> Iterator[Standby]:
    """A standby that may lack what its primary has acknowledged."""
    with pair(synchronous=False) as made:
        yield made


async def known(host: Host, task_id: UUID) -> tuple[str | None, str | None, int] | None:
    """What a host knows of an execution: approach, tier and how often it was judged."""
    try:
        detail = await host.detail(task_id)
    except NotFound:
        return None
    return detail.execution.approach, detail.execution.model_tier, len(detail.feedback)


async def exchanged(host: Host) -> bool:
    """Whether a host has met the server; the first time, its connection leads to the dead one."""
    try:
        await host.exchange()
    except TeamUnreachable:
        return False
    return True


async def test_what_was_acknowledged_survives_the_end_of_the_server_by_its_synchronous_standby(
    synchronous: Standby, pytestconfig: pytest.Config, tell: Callable[[str], None]
) -> None:
    await make_team(synchronous.primary, "learning", "ada")
    each = pytestconfig.getoption("--rows") // 8
    url = synchronous.pair_url("learning", "ada")
    feed = Feed(synchronous, "learning", each, url)

    async def fail_over() -> None:
        await feed.has_acknowledged(4 * each)
        await anyio.to_thread.run_sync(synchronous.primary.kill)
        await anyio.to_thread.run_sync(synchronous.promote)

    async with anyio.create_task_group() as group:
        group.start_soon(fail_over)
        await feed.run(8)
    stored = synchronous.execute("learning", "SELECT task_id FROM mcpl.executions")
    assert len(feed.acknowledged) == 8 * each
    assert feed.read == feed.acknowledged == {row[0] for row in stored}
    tell(f"{8 * each} acknowledged, 0 lost; {feed.pause:.2f} s without any while servers changed")


async def test_what_a_standby_lacked_is_sent_again_and_takes_nothing_back_that_came_later(
    asynchronous: Standby, tmp_path: Path
) -> None:
    first = asynchronous.primary
    await make_team(first, "learning", "ada", "ben", "eve")
    url = asynchronous.pair_url("learning", "{}")
    urls = [{"team_url": url.format(role)} for role in ("ada", "ben", "eve")]
    async with (
        hosts(first, "learning", tmp_path / "a", "ada", **urls[0]) as (ada,),
        hosts(first, "learning", tmp_path / "b", "ben", **urls[1]) as (ben,),
        hosts(first, "learning", tmp_path / "e", "eve", **urls[2]) as (eve,),
    ):
        # eve will change one of them early, one late, by numbers that ada's changes had
        kept = [await ada.record("mend the cart", approach="old", model_tier="small") for _ in "12"]
        gone = await ada.record("speed up the export", approach="for nothing")
        await exchange(ada, ben, eve)
        await anyio.to_thread.run_sync(asynchronous.lose_the_connection)
        # acknowledged by a server that is lost with it
        for one in kept:
            await ada.revise(one, approach="by ada")
            await ada.judge(one, rating=4)
        lost = await ada.record("translate the invoice", approach="new")
        lesson = SaveLesson(when="translating", do="ask twice", evidence=[lost], repo=REPO)
        await ada.service.save_lesson(lesson)
        await exchange(ada, ben)
        await ben.judge(lost, rating=5)
        await ben.forget(gone)
        await ben.exchange()
        await anyio.to_thread.run_sync(first.kill)
        await anyio.to_thread.run_sync(asynchronous.promote)
        # eve goes on with the other server, before those who know what it lacks
        await eve.revise(kept[0], model_tier="large")
        own = [await eve.record(f"mend the search, part {number}") for number in range(12)]
        await eve.revise(kept[1], model_tier="large")
        for host in (eve, ben, ada, eve, ben, ada):
            await until(partial(exchanged, host))
        for host in (ada, ben, eve):
            assert [await known(host, one) for one in kept] == [("by ada", "large", 1)] * 2
            assert await known(host, lost) == ("new", None, 1)
            assert await known(host, gone) is None
            assert [await known(host, one) for one in own] == [(None, None, 0)] * 12
            told = (await host.service.list_lessons(ListLessons())).lessons
            assert [one.lesson.do for one in told] == ["ask twice"]


async def test_a_team_moves_to_another_server_with_what_was_written_after_the_copy(
    server: PostgresServer, database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await make_team(server, database, "ada", "ben")
    other = PostgresServer()
    try:
        other.start()
        roles = (f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben"))
        other.execute(
            "postgres", *roles, "CREATE ROLE mcpl_member", "GRANT mcpl_member TO ada, ben"
        )
        async with hosts(server, database, tmp_path, "ada", "ben") as (ada, ben):
            kept = await ada.record("mend the cart", approach="old")
            await exchange(ada, ben)
            await anyio.to_thread.run_sync(server.copy, database, other)
            await ada.revise(kept, approach="by ada")
            lost = await ada.record("translate the invoice", approach="new")
            await ada.exchange()
        async with hosts(other, database, tmp_path, "ada", "ben") as (ada, ben):
            own = [await ben.record(f"mend the search, part {number}") for number in range(5)]
            await ben.revise(kept, model_tier="large")
            await ben.exchange()
            assert "is read again" not in caplog.text  # he knows of nothing that isn't there
            await ada.exchange()
            assert "is read again" in caplog.text
            await ben.exchange()
            for host in (ada, ben):
                assert await known(host, kept) == ("by ada", "large", 0)
                assert await known(host, lost) == ("new", None, 0)
                assert [await known(host, one) for one in own] == [(None, None, 0)] * 5
    finally:
        other.remove()


async def test_the_last_of_three_servers_is_reached_while_the_others_hang(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    with (
        socket.create_server(("127.0.0.1", 0)) as one,  # which nobody accepts from
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        ports = ",".join(str(hanging.getsockname()[1]) for hanging in (one, other))
        hosts = f"127.0.0.1,127.0.0.1,{server.directory}"
        url = f"host={hosts} port={ports},5432 dbname={database} user=ada"
        settings = settings_of(server, database, tmp_path, "ada", team_url=url)
        assert (await setup.remote_state(settings)).role == "ada"
