"""A team's store that has lost its last commits, or its old tombstones: all hosts agree again."""

from pathlib import Path

import pytest
from team.hosts import Host, Pair, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.errors import NotFound
from mcp_learning.models.requests import GetExecution

pytestmark = pytest.mark.anyio

TO_BEFORE = (
    'UPDATE mcpl.executions SET doc = doc || \'{{"approach": "old"}}\', change = {change} '
    "WHERE task_id = '{kept}'",
    "DELETE FROM mcpl.executions WHERE task_id <> '{kept}'",
    "DELETE FROM mcpl.feedback",
    "DELETE FROM mcpl.vectors",
    "UPDATE mcpl.teams SET change = {change}, epoch = gen_random_uuid()",
)


async def known(host: Host, *ids: object) -> list[str | None]:
    found: list[str | None] = []
    for one in ids:
        try:
            detail = await host.service.get(GetExecution.model_validate({"task_id": one}))
        except NotFound:
            found.append(None)
        else:
            found.append(detail.execution.approach)
    return found


async def test_what_a_server_lost_is_sent_again_by_who_wrote_it(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    kept = await first.record("repair the login", approach="old")
    await first.exchange()
    ((change,),) = server.execute(database, "SELECT change FROM mcpl.teams")
    lost = await first.record("translate the invoice", approach="new")
    await first.revise(kept, approach="newer")
    await first.judge(kept, rating=4)
    gone = await first.record("speed up the export", approach="for nothing")
    await exchange(first, second)
    await second.forget(gone)
    await second.exchange()
    # another server takes its place, with nothing of that
    server.execute(database, *(one.format(change=change, kept=kept) for one in TO_BEFORE))
    await exchange(second, first, second, first)
    for host in (first, second):
        assert await known(host, kept, lost, gone) == ["newer", "new", None]
        detail = await host.detail(kept)
        assert [one.rating for one in detail.feedback] == [4]


async def test_what_a_host_has_sent_and_holds_no_longer_is_sent_again_all_the_same(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    few = {"team_replica_max_rows": 1}
    async with hosts(server, database, tmp_path, "ada", **few) as (host,):
        lost = [await host.record("translate the invoice", approach="new") for _ in range(3)]
        await host.service.ready()
        await host.exchange()
    async with hosts(server, database, tmp_path, "ada", **few) as (host,):
        await host.exchange()
        assert await host.rows() == 1
        server.execute(
            database,
            "DELETE FROM mcpl.executions",
            "UPDATE mcpl.teams SET change = 0, epoch = gen_random_uuid()",
        )
        for _ in range(2):
            await host.exchange()
    query = "SELECT task_id, doc->>'approach' FROM mcpl.executions"
    assert sorted(server.execute(database, query)) == [(one, "new") for one in sorted(lost)]


async def test_a_host_that_was_away_for_longer_than_tombstones_are_kept_forgets_all_the_same(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    kept = await first.record("repair the login", approach="kept")
    gone = await first.record("speed up the export", approach="gone")
    await exchange(first, second, first)
    await second.forget(gone)
    await second.exchange()
    await first.revise(gone, approach="too late")
    await first.revise(kept, approach="in time")
    own = await first.record("translate the invoice", approach="new")
    server.execute(
        database,
        "DELETE FROM mcpl.executions WHERE doc IS NULL",
        "UPDATE mcpl.teams SET floor = change",
    )
    await exchange(first, second)
    for host in (first, second):
        assert await known(host, kept, gone, own) == ["in time", None, "new"]
