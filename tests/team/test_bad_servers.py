"""Servers that can't serve a team: each is refused in plain words, and work goes on without it."""

from pathlib import Path
from uuid import UUID

import pytest
from team.hosts import Host, hosts, make_team
from team.old_server import OldServer
from team.server import PostgresServer
from team.small_disk import fill, small_disk
from team.standby import Standby

from mcp_learning.errors import TeamError

pytestmark = pytest.mark.anyio


async def goes_on_without(host: Host, words: str) -> UUID:
    """What a host records and finds while its team's server is of no use, which it says so."""
    task_id = await host.record("mend the cart")
    with pytest.raises(TeamError, match=words):
        await host.exchange()
    assert await host.found("mend the cart") == [task_id]
    assert (await host.team()).waiting >= 1
    return task_id


async def test_an_old_server_is_refused(server: PostgresServer, tmp_path: Path) -> None:
    words = "the server is PostgreSQL 12; 15 or newer is needed"
    with OldServer("12.22") as old:
        url = old.url("learning", "ada")
        made = hosts(server, "learning", tmp_path, "ada", team_url=url)
        async with made as (host,):
            await goes_on_without(host, words)


async def test_a_replica_is_refused_and_what_waits_goes_to_the_server_that_is_named_instead(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    with Standby(server, synchronous=False) as standby:
        async with hosts(standby, database, tmp_path, "ada") as (host,):
            task_id = await goes_on_without(host, "is a replica or read-only; name the primary")
    async with hosts(server, database, tmp_path, "ada") as (host,):
        await host.exchange()
    assert server.execute(database, "SELECT task_id FROM mcpl.executions") == [(task_id,)]


async def test_what_a_full_disk_refuses_waits_until_there_is_room(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    with small_disk(server.directory / "small") as disk:
        server.execute(
            "postgres",
            f"CREATE TABLESPACE small LOCATION '{disk}'",
            f"ALTER DATABASE {database} SET TABLESPACE small",
        )
        await make_team(server, database, "ada")
        async with hosts(server, database, tmp_path, "ada") as (host,):
            ids = [await host.record("before there was no room")]
            await host.exchange()
            rest = fill(disk)
            ids += [await host.record(f"{one} of many".ljust(20_000, "x")) for one in range(20)]
            ids.append(await goes_on_without(host, "disk of the team's server is full"))
            rest.unlink()
            await host.exchange()
        stored = server.execute(database, "SELECT task_id FROM mcpl.executions")
        assert {row[0] for row in stored} == set(ids)
        server.execute(
            "postgres", f"DROP DATABASE {database} WITH (FORCE)", "DROP TABLESPACE small"
        )
