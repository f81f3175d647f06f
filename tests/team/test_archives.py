"""Executions that a host archives: the team keeps them, and knows what became of them since."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from team.hosts import REPO, Host, Pair, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.models.maintenance import Prune, Unarchive
from mcp_learning.models.requests import ForgetExecutions
from mcp_learning.models.transfer import ImportBatch
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.service.retention import archives_in

pytestmark = pytest.mark.anyio


async def bring(host: Host, *descriptions: str) -> Sequence[UUID]:
    """Imports tasks of last month."""
    moment = datetime.now(UTC) - timedelta(days=30)
    ids = [uuid7() for _ in descriptions]
    values = {"task_type": "bug_fix", "outcome": "success", "repo": REPO}
    records = [
        {"task_id": one, "execution": {**values, "task_description": text}, "recorded_at": moment}
        for one, text in zip(ids, descriptions, strict=True)
    ]
    await host.service.import_batch(ImportBatch.model_validate({"records": records}))
    return ids


async def archive(host: Host, directory: Path) -> None:
    request = Prune(older_than_days=7, archive=str(directory))
    report = await host.service.prune(request, ignore_progress)
    assert report.executions


async def unarchive(host: Host, directory: Path) -> None:
    request = Unarchive(paths=[str(one) for one in archives_in(directory)])
    await host.service.unarchive(request)


async def lessons(host: Host) -> list[str | None]:
    return [one.lesson.do for one in (await host.service.list_lessons(ListLessons())).lessons]


async def test_what_the_team_forgot_meanwhile_does_not_come_back_from_an_archive(
    pair: Pair, tmp_path: Path
) -> None:
    first, second = pair
    kept, gone = await bring(first, "mend the cart", "mend the login")
    save = SaveLesson(when="mending", do="look at the wheels", evidence=[kept], repo=REPO)
    await first.service.save_lesson(save)
    await exchange(first, second, first)
    await archive(second, tmp_path / "archive")
    await first.forget(gone)
    await exchange(first, second)
    assert (await second.rows(), await lessons(second)) == (0, [])
    await unarchive(second, tmp_path / "archive")
    await second.exchange()
    assert await second.rows() == 1
    await second.exchange()
    assert (await second.execution(kept)).author == "ada"
    assert await lessons(second) == ["look at the wheels"]


async def test_what_others_changed_meanwhile_is_changed_in_what_comes_from_an_archive(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with (
        hosts(server, database, tmp_path / "first", "ada") as (first,),
        hosts(server, database, tmp_path / "second", "ben", team_replica="none") as (second,),
    ):
        (task_id,) = await bring(second, "mend the cart")
        await exchange(second, first)
        await archive(second, tmp_path / "archive")
        await first.revise(task_id, approach="by hand")
        await exchange(first, second)
        await unarchive(second, tmp_path / "archive")
        await exchange(second, second)
        here = await second.service.store.get(task_id)
        assert here is not None
        assert here.execution.approach == "by hand"


async def test_what_comes_back_since_others_changed_it_has_all_that_belongs_to_it(
    pair: Pair, tmp_path: Path
) -> None:
    first, second = pair
    (task_id,) = await bring(first, "mend the cart")
    later = await first.record("mend it again", used_task_ids=[task_id])
    await first.judge(task_id, rating=4)
    await exchange(first, second, first)
    await archive(second, tmp_path / "archive")
    await first.revise(task_id, approach="by hand")
    await exchange(first, second)
    found = await second.detail(task_id)
    assert found.execution.approach == "by hand"
    assert [one.rating for one in found.feedback] == [4]
    assert [one.task_id for one in found.used_by] == [later]


async def test_what_a_host_has_archived_can_be_forgotten_there_all_the_same(
    pair: Pair, tmp_path: Path
) -> None:
    first, second = pair
    (task_id,) = await bring(first, "mend the cart")
    await exchange(first, second)
    await archive(first, tmp_path / "archive")
    unknown = uuid7()
    request = ForgetExecutions(task_ids=[task_id, unknown], dry_run=False)
    done = await first.service.forget(request)
    assert (done.executions, done.unknown_task_ids) == (1, [unknown])
    await exchange(first, second)
    assert await second.rows() == 0


async def test_what_a_host_has_archived_is_forgotten_by_a_filter_too(
    pair: Pair, server: PostgresServer, tmp_path: Path
) -> None:
    first, second = pair
    await bring(first, "mend the cart", "mend the login")
    await exchange(first, second)
    await archive(first, tmp_path / "archive")
    await first.record("translate the invoice")
    request = ForgetExecutions(repo=REPO, older_than_days=7, dry_run=False)
    assert (await first.service.forget(request)).executions == 2
    await exchange(first, second)
    assert await second.rows() == 1
    server.stop()
    request = ForgetExecutions(repo=REPO, dry_run=False)
    assert (await first.service.forget(request)).executions == 1
    server.start()
    await exchange(first, second)
    assert await second.rows() == 0


async def test_a_lesson_that_is_revised_keeps_the_evidence_that_is_archived_there(
    pair: Pair, tmp_path: Path
) -> None:
    first, second = pair
    (old,) = await bring(first, "mend the cart")
    kept, later = [await first.record(f"mend the cart, part {number}") for number in range(2)]
    told = SaveLesson(when="mending", do="look at the wheels", evidence=[old, kept], repo=REPO)
    lesson_id = (await first.service.save_lesson(told)).lesson_id
    await exchange(first, second)
    await archive(second, tmp_path / "archive")
    revised = told.model_copy(update={"lesson_id": lesson_id, "evidence": [later]})
    await second.service.save_lesson(revised)
    await exchange(second, first)
    (found,) = (await first.service.list_lessons(ListLessons())).lessons
    assert set(found.lesson.evidence) == {old, kept, later}


async def test_what_others_wrote_in_a_team_that_was_left_comes_back_and_the_next_one_lacks_it(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    await make_team(server, database, "ada", team="lab")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        (task_id,) = await bring(second, "mend the cart")
        await exchange(second, first)
        await archive(first, tmp_path / "archive")
        await first.service.leave_team()
    async with hosts(server, database, tmp_path, "ada", team="lab") as (first,):
        await first.exchange(fill=True)
        await unarchive(first, tmp_path / "archive")
        await first.exchange()
        await first.revise(task_id, approach="by hand")
        await first.exchange()
        assert server.execute(database, "SELECT count(*) FROM mcpl.executions") == [(1,)]
        assert (await first.execution(task_id)).author == "ben"
