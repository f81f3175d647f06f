"""Another server takes the place of the first one, which is killed while hosts write."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from team.feed import Feed
from team.hosts import make_team, settings_of
from team.server import PostgresServer
from team.standby import Standby

from mcp_learning.team import setup

pytestmark = pytest.mark.anyio


def primary() -> PostgresServer:
    """A server with a role and a database for a team."""
    made = PostgresServer()
    made.start()
    roles = (f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben", "eve"))
    made.execute("postgres", *roles, "CREATE DATABASE learning")
    return made


@pytest.fixture
def synchronous(server: PostgresServer) -> Iterator[Standby]:
    """A standby that has all that its primary acknowledges; `server` says if there is any."""
    with Standby(primary(), synchronous=True) as made:
        yield made


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
