"""A host that joins with what it has, leaves with all of it, and joins again: nothing is twice."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from team.hosts import REPO, Host, Pair, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.rows import RowParser
from mcp_learning.models.lessons import ChangeLesson, ListLessons, SaveLesson
from mcp_learning.models.transfer import ExportPage, ImportBatch, PastExecution

pytestmark = pytest.mark.anyio


async def exported(host: Host) -> list[PastExecution]:
    """What a host has, as another one imports it."""
    rows = (await host.service.export_page(ExportPage())).rows
    parser = RowParser(Notes(), datetime.now(UTC))
    return [one for row in rows if (one := parser.execution("", row))]


async def test_a_host_leaves_with_everything_and_joins_again_without_repeating_itself(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    own = await first.record("mend the cart")
    theirs = await second.record("translate the invoice")
    await exchange(first, second, first)
    await first.record("never sent")
    left = await first.service.leave_team()
    assert (left.team, left.dropped) == ("shop", 1)
    assert await first.rows() == 3
    assert (await first.execution(own)).author is None  # the host's own again
    assert (await first.execution(theirs)).author == "ben"
    await second.exchange()
    assert await second.rows() == 2  # the team keeps what it has
    await first.exchange(fill=True)
    await second.exchange()
    assert await first.rows() == await second.rows() == 3
    stored = server.execute(database, "SELECT author FROM mcpl.executions ORDER BY author")
    assert stored == [("ada",), ("ada",), ("ben",)]


@pytest.mark.parametrize("direction", ["both", "push"])
async def test_a_host_that_joins_again_takes_back_nothing_that_others_changed_meanwhile(
    pair: Pair, direction: str
) -> None:
    first, second = pair
    task_id = await first.record("mend the cart", approach="by ada")
    await exchange(first, second, first)
    await first.service.leave_team()
    await second.revise(task_id, approach="by ben")
    await second.exchange()
    assert (await first.execution(task_id)).approach == "by ada"
    await first.exchange(direction=direction, fill=True)
    await second.exchange()
    for host in (first, second):
        assert (await host.execution(task_id)).approach == "by ben"


async def test_a_host_sends_what_it_has_only_after_it_has_read_what_the_team_has(
    pair: Pair,
) -> None:
    first, second = pair
    await first.record("mend the cart")
    await first.exchange(direction="push", fill=True)
    await second.record("translate the invoice")
    await second.exchange()
    await first.exchange(direction="push", fill=True)
    assert await first.rows() == 2


async def test_what_a_host_has_learned_before_it_joins_follows_with_all_that_belongs_to_it(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", team="", team_url=None) as (alone,):
        earlier = await alone.record("mend the cart")
        later = await alone.record("mend the cart again", used_task_ids=[earlier])
        await alone.judge(earlier, accepted="yes")
        save = SaveLesson(when="mending", do="look at the wheels", evidence=[earlier], repo=REPO)
        await alone.service.save_lesson(save)
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        done = await first.exchange(direction="push", fill=True)
        assert done.added == 2
        assert (await first.exchange(direction="push", fill=True)).pushed == 0
        await second.exchange(direction="pull")
        detail = await second.detail(earlier)
        assert [one.accepted for one in detail.feedback] == [True]
        assert [one.task_id for one in detail.used_by] == [later]
        (lesson,) = (await second.service.list_lessons(ListLessons())).lessons
        assert lesson.lesson.do == "look at the wheels"


async def test_what_is_corrected_before_the_first_exchange_follows_as_a_whole(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", team="", team_url=None) as (alone,):
        earlier = await alone.record("mend the cart", approach="by hand")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await first.revise(earlier, task_description="mend the trolley")
        await first.exchange(fill=True)
        await second.exchange(direction="pull")
        found = await second.execution(earlier)
        assert (found.task_description, found.approach) == ("mend the trolley", "by hand")


async def test_what_is_judged_and_embedded_before_the_first_exchange_follows_all_the_same(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", team="", team_url=None) as (alone,):
        earlier = await alone.record("mend the cart")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await first.service.ready()
        await first.judge(earlier, accepted="yes")
        await first.exchange(fill=True)
        await second.exchange(direction="pull")
        assert [one.accepted for one in (await second.detail(earlier)).feedback] == [True]


async def test_what_others_wrote_in_a_team_that_a_host_left_is_not_shared_with_the_next_one(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    await make_team(server, database, "ada", team="lab")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        theirs = await second.record("a task of the shop")
        await exchange(second, first)
        await first.service.leave_team()
    given = {"team": "lab", "team_repos": "lab/*"}
    async with hosts(server, database, tmp_path, "ada", **given) as (first,):
        own = await first.record("a task of the lab", repo="lab/notes")
        await first.revise(theirs, approach="by hand")
        for _ in range(3):
            await first.exchange(fill=True)
        stored = server.execute(database, "SELECT task_id, author FROM mcpl.executions")
        assert set(stored) == {(theirs, "ben"), (own, "ada")}
        assert (await first.execution(theirs)).approach == "by hand"


async def test_what_a_process_without_the_team_s_settings_changes_and_forgets_reaches_the_team(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        kept, gone = [await first.record(text) for text in ("mend the cart", "mend the login")]
        save = SaveLesson(when="mending", do="look at the wheels", evidence=[kept], repo=REPO)
        lesson_id = (await first.service.save_lesson(save)).lesson_id
        await exchange(first, second, first)
    async with hosts(server, database, tmp_path, "ada", team="", team_url=None) as (alone,):
        await alone.revise(kept, approach="by hand")
        await alone.judge(kept, rating=4)
        await alone.forget(gone)
        await alone.service.change_lesson(ChangeLesson(lesson_id=str(lesson_id), action="retire"))
        await alone.record("nobody else's business")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await exchange(first, second)
        found = await second.detail(kept)
        assert found.execution.approach == "by hand"
        assert [one.rating for one in found.feedback] == [4]
        assert (await second.service.list_lessons(ListLessons())).counts.retired == 1
        assert await second.rows() == 1


async def test_what_comes_from_an_old_export_takes_back_nothing_that_the_team_has(
    whole_and_part: Pair, server: PostgresServer
) -> None:
    first, second = whole_and_part
    task_id = await first.record("mend the cart", approach="old", model_tier="small")
    records = await exported(first)
    await first.revise(task_id, approach="new")
    await exchange(first, second)
    server.stop()  # so that it can't be fetched first
    await second.service.import_batch(ImportBatch(records=records))
    await second.revise(task_id, model_tier="large")
    server.start()
    await exchange(second, first, second)
    for host in (first, second):
        found = await host.execution(task_id)
        assert (found.approach, found.model_tier, found.author) == ("new", "large", "ada")


async def test_an_old_export_brings_no_use_of_what_was_forgotten(pair: Pair) -> None:
    first, second = pair
    gone = await first.record("mend the cart")
    later = await first.record("mend the cart again", used_task_ids=[gone])
    records = [one for one in await exported(first) if one.task_id == later]
    await first.forget(gone)
    await exchange(first, second)
    await second.service.import_batch(ImportBatch(records=records))
    await second.exchange()
    assert (await second.detail(later)).used_task_ids == []
