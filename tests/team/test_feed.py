"""The feed of a team's changes loses nothing, whoever writes at once, whatever is killed."""

import anyio
import pytest
from team.feed import Feed, patch, row_of
from team.hosts import make_team
from team.server import PostgresServer

pytestmark = pytest.mark.anyio

BY_A_SEQUENCE = """
CREATE SEQUENCE mcpl.numbers;
CREATE OR REPLACE FUNCTION mcpl.advance(wanted_team uuid, client int, numbers int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE base bigint := nextval('mcpl.numbers') - 1;
BEGIN
    PERFORM pg_sleep(0.01 * (base % 3));  -- as a write that takes longer than a later one
    UPDATE mcpl.teams SET change = greatest(change, base + 1)
    WHERE team = wanted_team AND change <= base;
    RETURN base;
END $$;
"""
"""Numbers as a sequence gives them: in the order of the beginning of writes, not of their end."""


async def test_a_reader_that_follows_eight_writers_misses_nothing(
    server: PostgresServer, database: str, pytestconfig: pytest.Config
) -> None:
    await make_team(server, database, "ada")
    feed = Feed(server, database, pytestconfig.getoption("--rows") // 8)
    await feed.run(8)
    assert feed.read == feed.acknowledged


async def test_numbers_of_a_sequence_would_lose_some(server: PostgresServer, database: str) -> None:
    await make_team(server, database, "ada")
    server.execute(database, BY_A_SEQUENCE)
    feed = Feed(server, database, 20)
    await feed.run(8)
    assert feed.acknowledged - feed.read


async def test_what_was_acknowledged_survives_kills_of_the_server_and_is_stored_once(
    database: str, pytestconfig: pytest.Config
) -> None:
    own = PostgresServer()
    try:
        own.start()
        own.execute("postgres", "CREATE ROLE ada LOGIN", f"CREATE DATABASE {database}")
        await make_team(own, database, "ada")
        feed = Feed(own, database, 40)

        async def kill() -> None:
            for number in range(pytestconfig.getoption("--server-kills")):
                await feed.has_acknowledged(40 * number + 40)
                await anyio.to_thread.run_sync(own.kill)
                await anyio.to_thread.run_sync(own.start)

        async with anyio.create_task_group() as group:
            group.start_soon(kill)
            await feed.run(8)
        assert len(feed.acknowledged) == 320
        assert feed.read == feed.acknowledged
        stored = own.execute(database, "SELECT task_id FROM mcpl.executions")
        assert {row[0] for row in stored} == feed.acknowledged
    finally:
        own.remove()


async def test_an_execution_that_is_pushed_twice_is_stored_once(
    server: PostgresServer, database: str
) -> None:
    await make_team(server, database, "ada")
    remote = Feed(server, database, 0).remote()
    team = (await remote.state()).team
    row = patch(1)
    for _ in range(2):
        await remote.push(team, [row_of(row)])
    await remote.close()
    assert server.execute(database, "SELECT change FROM mcpl.executions") == [(2,)]
