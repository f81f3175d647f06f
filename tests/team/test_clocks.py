"""Hosts whose clocks are wrong: the change that reaches the team last stands all the same."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from team.feed import row_of
from team.hosts import REPO, Host, exchange, hosts, make_team, settings_of
from team.server import PostgresServer

from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.team.access import access
from mcp_learning.team.postgres.remote import Remote

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


async def push(server: PostgresServer, database: str, row: dict[str, Any]) -> None:
    """Sends what a host with a wrong clock would."""
    remote = Remote(access(settings_of(server, database, Path("unused"), "eve")), 10.0)
    await remote.push((await remote.state()).team, [row_of(row)])
    await remote.close()


async def told(host: Host) -> list[str | None]:
    return [one.lesson.do for one in (await host.service.list_lessons(ListLessons())).lessons]


@pytest.mark.parametrize("skew", [-DAY, DAY], ids=["behind", "ahead"])
async def test_of_an_execution_the_last_change_to_arrive_stands_whatever_the_clocks_say(
    server: PostgresServer, database: str, tmp_path: Path, skew: timedelta
) -> None:
    await make_team(server, database, "ada", "ben", "eve")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        task_id = await first.record("mend the cart", approach="by ada", model_tier="small")
        await exchange(first, second)
        at = (datetime.now(UTC) + skew).isoformat()
        patch = {"kind": "patch", "task_id": str(task_id), "at": at, "doc": {"approach": "by eve"}}
        await push(server, database, patch)
        for host in (first, second):
            await host.exchange()
            assert (await host.execution(task_id)).approach == "by eve"
        await second.revise(task_id, approach="by ben")
        for host in (second, first):
            await host.exchange()
            merged = await host.execution(task_id)
            assert (merged.approach, merged.model_tier) == ("by ben", "small")


@pytest.mark.parametrize("skew", [-DAY, DAY], ids=["behind", "ahead"])
async def test_of_a_lesson_the_last_revision_to_arrive_stands_whatever_the_clocks_say(
    server: PostgresServer, database: str, tmp_path: Path, skew: timedelta
) -> None:
    await make_team(server, database, "ada", "ben", "eve")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        task_id = await first.record("upload a file")
        save = SaveLesson(when="uploading", do="by ada", evidence=[task_id], repo=REPO)
        saved = await first.service.save_lesson(save)
        await exchange(first, second)
        ((text,),) = server.execute(database, "SELECT doc::text FROM mcpl.lessons")
        at = (datetime.now(UTC) + skew).isoformat()
        doc = {**json.loads(str(text)), "do": "by eve", "updated_at": at, "worded_at": at}
        row = {"kind": "lesson", "lesson_id": str(saved.lesson_id), "doc": doc}
        await push(server, database, row)
        for host in (first, second):
            await host.exchange()
            assert await told(host) == ["by eve"]
        revised = save.model_copy(update={"do": "by ben", "lesson_id": saved.lesson_id})
        await second.service.save_lesson(revised)
        for host in (second, first):
            await host.exchange()
            assert await told(host) == ["by ben"]
