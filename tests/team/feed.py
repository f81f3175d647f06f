"""A feed of one team: writers that push one row after the other, and a reader that follows them."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
from team.hosts import settings_of
from team.server import PostgresServer
from waiting import until

from mcp_learning.errors import TeamUnreachable
from mcp_learning.models.identifiers import uuid7
from mcp_learning.team.access import access
from mcp_learning.team.postgres.remote import Remote
from mcp_learning.team.rows import Row


def patch(number: int, task_id: UUID | None = None) -> dict[str, Any]:
    """A row that creates an execution."""
    doc = {"task_type": "x", "task_description": f"number {number}", "outcome": "success"}
    doc |= {"recorded_at": "2026-01-01T00:00:00Z", "repo": "acme/shop"}
    at = "2026-01-01T00:00:00Z"
    return {"kind": "patch", "task_id": str(task_id or uuid7()), "at": at, "doc": doc}


def row_of(values: dict[str, Any]) -> Row:
    """A row to push, of its values and its `kind`."""
    given = {name: value for name, value in values.items() if name != "kind"}
    return Row(values["kind"], json.dumps(given))


async def nothing_lacks(_: object) -> list[UUID]:
    """No execution lacks a vector."""
    return []


class Feed:
    """Writers and a reader of one team.

    Attributes:
        acknowledged: What was written, and answered.
        read: What the reader has seen.
        pause: Longest time from one acknowledgement to the next, of any writer, in seconds.
    """

    def __init__(
        self, server: PostgresServer, database: str, rows: int, url: str | None = None
    ) -> None:
        given = {} if url is None else {"team_url": url}
        self._access = access(settings_of(server, database, Path("unused"), "ada", **given))
        self._rows = rows
        self._mark = 0
        self._last: float | None = None
        self.acknowledged: set[UUID] = set()
        self.read: set[UUID] = set()
        self.pause = 0.0

    def remote(self) -> Remote:
        return Remote(self._access, 10.0)

    async def write(self, writer: int) -> None:
        """Pushes rows; one that is not answered is pushed again."""
        remote = self.remote()
        for number in range(self._rows):
            row = patch(1_000 * writer + number)
            await until(partial(self._pushed, remote, row))
            self._acknowledge(UUID(row["task_id"]))
        await remote.close()

    def _acknowledge(self, task_id: UUID) -> None:
        self.acknowledged.add(task_id)
        now = time.monotonic()
        if self._last is not None:
            self.pause = max(self.pause, now - self._last)
        self._last = now

    async def _pushed(self, remote: Remote, row: dict[str, Any]) -> bool:
        try:
            await remote.push((await remote.state()).team, [row_of(row)])
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
                page = await remote.page(self._mark, 100, "", nothing_lacks, nothing_lacks)
                self.read |= {one.task_id for one in page.executions}
                if self._mark == page.change:
                    return True
                self._mark = page.change
        except TeamUnreachable:
            return False

    async def has_acknowledged(self, least: int) -> None:
        """Waits until so many rows were."""
        await until(lambda: len(self.acknowledged) >= least)

    async def run(self, writers: int) -> None:
        """Has writers write at once, and one reader follow."""
        done = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self.follow, done)
            async with anyio.create_task_group() as writing:
                for writer in range(writers):
                    writing.start_soon(self.write, writer)
            done.set()
