"""Hosts that hold a part of what their team has: which part; nothing is forgotten by it."""

from pathlib import Path
from uuid import UUID

import pytest
from team.hosts import REPO, Host, Pair, exchange, hosts, make_team
from team.partial import share, two
from team.server import PostgresServer

from mcp_learning.models.dashboard import ListExecutions
from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.store.shared import Part

pytestmark = pytest.mark.anyio


async def held(host: Host) -> set[UUID]:
    shown = await host.service.listing(ListExecutions(days=None, limit=100))
    return {one.task_id for one in shown.executions}


async def test_a_host_holds_its_own_or_nothing_and_the_team_forgets_nothing_by_it(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben", "eve")
    async with (
        hosts(server, database, tmp_path / "all", "ada") as (first,),
        hosts(server, database, tmp_path / "own", "ben", team_replica="own") as (second,),
        hosts(server, database, tmp_path / "none", "eve", team_replica="none") as (third,),
    ):
        team = (first, second, third)
        ids = [await host.record(f"mend the cart, part {n}") for n in range(2) for host in team]
        private = await third.record("mend the hobby", repo="eve/hobby")
        for host in (*team, *team, *team):
            await host.service.ready()
            await host.exchange()
        assert await held(first) == set(ids)
        assert await held(second) == {ids[1], ids[4]}
        await second.exchange(fill=True)
        assert (await second.team()).portion == "2 of its 6 executions are here"
        assert await held(third) == {ids[2], ids[5], private}  # as what was found would stay
        assert server.execute(database, "SELECT count(doc) FROM mcpl.executions") == [(6,)]
        # changes and deletions of what is held come in, and nothing else
        await first.revise(ids[1], approach="by ada")
        await first.forget(ids[4])
        await first.revise(ids[0], approach="by ada, too")
        await exchange(*team)
        assert await held(second) == {ids[1]}
        assert (await second.execution(ids[1])).approach == "by ada"


async def test_a_host_holds_at_most_so_many_and_those_that_changed_last(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    few = {"team_replica": "all", "team_replica_max_rows": 3}
    async with two(server, database, tmp_path, **few) as (first, second):
        ids = [await first.record(f"mend the cart, part {n}") for n in range(6)]
        await share(first, second)
        assert await held(second) == set(ids[3:])
        assert (await second.service.health()).embedded == 3
        await first.revise(ids[0], approach="late")
        await exchange(first, second)
        assert await held(second) == {ids[0], *ids[4:]}
    # with more room, it has the others, too
    more = {"team_replica_max_rows": 5}
    async with hosts(server, database, tmp_path / "part", "ben", **more) as (host,):
        await host.exchange()
        assert await held(host) == {ids[0], *ids[2:]}


async def test_what_was_fetched_for_a_question_leaves_first_also_after_a_restart(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path / "all", "ada") as (first,):
        ids = [await first.record(f"mend the cart, part {n}") for n in range(14)]
        await first.service.ready()
        await first.exchange()
    few = {"team_replica_max_rows": 8}
    async with hosts(server, database, tmp_path / "few", "ben", **few) as (host,):
        await host.exchange()
        for number in (0, 1, 2):
            await host.execution(ids[number])
        await host.exchange()
        assert await held(host) == {*ids[1:3], *ids[8:]}
    async with hosts(server, database, tmp_path / "few", "ben", **few) as (host,):
        await host.execution(ids[4])
        await host.exchange()
        assert await held(host) == {ids[2], ids[4], *ids[8:]}
        assert set(await host.service.store.fetched()) == {ids[2], ids[4]}
        await host.found("mend the cart")
        assert set(await host.service.store.fetched()) > {ids[2], ids[4]}


async def test_what_used_what_stays_known_when_either_leaves_and_is_shown(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    one = {"team_replica": "all", "team_replica_max_rows": 1}
    async with two(server, database, tmp_path, **one) as (first, second):
        used = await first.record("mend the cart")
        await exchange(first, second)
        user = await second.record("mend the cart again", used_task_ids=[used])
        await exchange(second, first, second)
        await second.service.store.evict(Part(None, None, most=1, fetched=0))
        assert await held(second) == {user}
        assert (await second.detail(user)).used_task_ids == [used]
        assert [one.task_id for one in (await second.detail(used)).used_by] == [user]
        third = await first.record("mend the cart once more", used_task_ids=[user, used])
        await exchange(first, second)
        assert (await second.detail(used)).used_by == (await first.detail(used)).used_by
        assert [one.task_id for one in (await second.detail(used)).used_by] == [user, third]


async def test_a_use_of_what_was_forgotten_meanwhile_reaches_nobody(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    used = await first.record("mend the cart")
    await exchange(first, second)
    await first.forget(used)
    await first.exchange()
    user = await second.record("mend the cart again", used_task_ids=[used])
    await exchange(second, first)
    for host in (first, second):
        assert (await host.detail(user)).used_task_ids == []
    assert server.execute(database, "SELECT count(*) FROM mcpl.uses") == [(0,)]


async def test_not_every_question_takes_something_away_but_only_what_exceeds_the_room_by_a_quarter(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    few = {"team_replica": "all", "team_replica_max_rows": 32}
    async with two(server, database, tmp_path, **few) as (first, second):
        ids = [await first.record(f"mend the cart, part {n}") for n in range(44)]
        await share(first, second)
        kept = []
        for fetched in (ids[:8], ids[8:10], ids[10:11]):
            for task_id in fetched:
                await second.execution(task_id)
            await second.exchange()
            kept.append(len(await second.service.store.fetched()))
        assert kept == [8, 10, 8]


async def test_a_host_holds_what_is_young_enough_by_the_time_of_recording(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    young = {"team_replica": "all", "team_replica_days": 7}
    async with two(server, database, tmp_path, **young) as (first, second):
        ids = [await first.record(f"mend the cart, part {n}") for n in range(3)]
        await first.exchange()
        server.execute(
            database,
            'UPDATE mcpl.executions SET doc = doc || \'{"recorded_at": "2020-01-01T00:00:00Z"}\' '
            f"WHERE task_id = '{ids[0]}'",
        )
        await second.exchange()
        assert await held(second) == set(ids[1:])


async def test_of_its_own_a_host_holds_at_most_so_many_whatever_others_record(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path / "all", "ada", "ben") as both:
        await exchange(*both)
        ids = [await both[1].record(f"mend the cart, part {n}") for n in range(3)]
        await both[1].exchange()
        for number in range(5):
            await both[0].record(f"tidy up room {number}")
        await both[0].exchange()
    few = {"team_replica": "own", "team_replica_max_rows": 2}
    async with hosts(server, database, tmp_path / "own", "ben", **few) as (host,):
        await host.exchange()
        assert await held(host) == set(ids[1:])


async def test_a_host_that_joins_with_nothing_gets_lessons_with_what_they_rest_on(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path / "all", "ada") as (first,):
        ids = [await first.record(f"mend the cart, part {n}") for n in range(6)]
        lesson = SaveLesson(when="mending carts", do="oil them", evidence=ids[:1], repo=REPO)
        await first.service.save_lesson(lesson)
        await first.exchange()
        ids += [await first.record(f"mend the cart, part {n}") for n in range(6, 12)]
        await first.exchange()
    few = {"team_replica_max_rows": 3}
    async with hosts(server, database, tmp_path / "few", "ben", **few) as (second,):
        await second.exchange()
        assert await held(second) == {ids[0], *ids[-3:]}
        shown = (await second.service.list_lessons(ListLessons())).lessons
        assert [one.lesson.do for one in shown] == [lesson.do]
