"""The feed of a team's changes loses nothing, whoever writes at once, whatever is killed."""

from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest
from team.hosts import make_team, settings_of
from team.server import PostgresServer
from waiting import until

from mcp_learning.errors import TeamUnreachable
from mcp_learning.models.identifiers import uuid7
from mcp_learning.team.access import access
from mcp_learning.team.postgres.remote import Remote

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


def patch(number: int, task_id: UUID | None = None) -> dict[str, Any]:
    doc = {"task_type": "x", "task_description": f"number {number}", "outcome": "success"}
    doc |= {"recorded_at": "2026-01-01T00:00:00Z", "repo": "acme/shop"}
    at = "2026-01-01T00:00:00Z"
    return {"kind": "patch", "task_id": str(task_id or uuid7()), "at": at, "doc": doc}


async def nothing_lacks(_: object) -> list[UUID]:
    return []


class Feed:
    """Writers that push one row after the other, and a reader that follows them."""

    def __init__(self, server: PostgresServer, database: str, rows: int) -> None:
        self._access = access(settings_of(server, database, Path("unused"), "ada"))
        self._rows = rows
        self._mark = 0
        self.acknowledged: set[UUID] = set()
        self.read: set[UUID] = set()

    def remote(self) -> Remote:
        return Remote(self._access, 10.0)

    async def write(self, writer: int) -> None:
        """Pushes rows; one that is not answered is pushed again."""
        remote = self.remote()
        for number in range(self._rows):
            row = patch(1_000 * writer + number)
            await until(partial(self._pushed, remote, row))
            self.acknowledged.add(UUID(row["task_id"]))
        await remote.close()

    async def _pushed(self, remote: Remote, row: dict[str, Any]) -> bool:
        try:
            await remote.push((await remote.state()).team, [row])
        except TeamUnreachable:
            return False
        return True

    async def follow(self, done: anyio.Event) -> None:
        """Reads what is new, until the writers are done and all of it was read."""
        remote, last = self.remote(), False
        while not last:
            last = done.is_set()
            await until(partial(self._followed, remote))
        await remote.close()

    async def _followed(self, remote: Remote) -> bool:
        try:
            while True:
                page = await remote.page(self._mark, 100, "", nothing_lacks)
                self.read |= {one.task_id for one in page.executions}
                if self._mark == page.change:
                    return True
                self._mark = page.change
        except TeamUnreachable:
            return False

    def has_acknowledged(self, least: int) -> bool:
        return len(self.acknowledged) >= least

    async def run(self, writers: int) -> None:
        """Has writers write at once, and one reader follow."""
        done = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self.follow, done)
            async with anyio.create_task_group() as writing:
                for writer in range(writers):
                    writing.start_soon(self.write, writer)
            done.set()


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
                await until(
                    partial(lambda least: len(feed.acknowledged) >= least, 40 * number + 40)
                )
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
        await remote.push(team, [row])
    await remote.close()
    assert server.execute(database, "SELECT change FROM mcpl.executions") == [(2,)]
