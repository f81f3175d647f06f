"""Two hosts of a team: what one records, corrects and forgets is on the other."""

from pathlib import Path

import pytest
from team.hosts import hosts, make_team
from team.server import PostgresServer

pytestmark = pytest.mark.anyio

TASKS = ("repair the login redirect", "speed up the nightly export", "translate the invoice")


async def test_what_one_host_records_is_found_on_the_other(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        ids = [await first.record(task) for task in TASKS]
        await first.service.ready()
        pushed = await first.exchange()
        pulled = await second.exchange()
        assert pulled.pulled == 3
        await second.service.ready()
        health = await second.service.health()
        assert (health.rows, health.embedded) == (3, 3)
        assert (await second.found(TASKS[1]))[0] == ids[1]
        assert (await second.execution(ids[0])).author == "ada"
        assert pushed.pushed >= 6
