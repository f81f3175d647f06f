"""A host of a team that gets the state of a backup."""

from pathlib import Path

import pytest
from team.hosts import REPO, exchange, hosts, make_team, settings_of
from team.server import PostgresServer

from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.models.maintenance import Backup
from mcp_learning.service.recovery import restore

pytestmark = pytest.mark.anyio


async def test_what_waited_in_a_backup_and_was_sent_since_takes_nothing_back(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    backup = tmp_path / "backup.duckdb"
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        sent, unsent = [await first.record(text) for text in ("mend the cart", "mend the login")]
        told = SaveLesson(when="mending", do="look at the wheels", evidence=[sent], repo=REPO)
        lesson_id = (await first.service.save_lesson(told)).lesson_id
        await first.exchange()
        await first.revise(sent, approach="old")
        revised = told.model_copy(update={"lesson_id": lesson_id, "do": "look at the old wheels"})
        await first.service.save_lesson(revised)
        waiting = await first.record("translate the invoice", approach="old")
        await first.service.backup(Backup(path=str(backup)))
        await exchange(first, second)
        for one in (sent, waiting):
            await second.revise(one, approach="new")
        revised = revised.model_copy(update={"do": "look at the new wheels"})
        await second.service.save_lesson(revised)
        await second.exchange()
    restore(settings_of(server, database, tmp_path / "host0", "ada"), backup, force=True)
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await first.revise(unsent, approach="after")
        for host in (first, second, first):
            await host.exchange(fill=True)
        for host in (first, second):
            found = [(await host.execution(one)).approach for one in (sent, waiting, unsent)]
            assert found == ["new", "new", "after"]
            (lesson,) = (await host.service.list_lessons(ListLessons())).lessons
            assert lesson.lesson.do == "look at the new wheels"


async def test_what_waited_in_a_backup_and_was_never_sent_is_sent(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    backup = tmp_path / "backup.duckdb"
    async with hosts(server, database, tmp_path, "ada") as (first,):
        changed = await first.record("mend the cart")
        await first.exchange()
        await first.revise(changed, approach="by hand")
        created = await first.record("mend the login", approach="by hand")
        await first.service.backup(Backup(path=str(backup)))
    restore(settings_of(server, database, tmp_path / "host0", "ada"), backup, force=True)
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await exchange(first, second)
        for one in (changed, created):
            assert (await second.execution(one)).approach == "by hand"
