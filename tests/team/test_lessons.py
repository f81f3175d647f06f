"""Lessons that somebody told travel with a team, and go with the executions that they rest on."""

from pathlib import Path

import duckdb
import pytest
from team.hosts import Host, Pair, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.models.lessons import ChangeLesson, ListLessons, SaveLesson

pytestmark = pytest.mark.anyio

REPO = "acme/shop"


async def known(host: Host) -> list[tuple[str, str | None]]:
    found = await host.service.list_lessons(ListLessons())
    return [(one.lesson.when, one.lesson.do) for one in found.lessons]


async def test_a_lesson_that_was_told_travels_and_is_revised_and_forgotten(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    ids = [await first.record(f"upload a file, attempt {number}") for number in range(2)]
    save = SaveLesson(when="uploading files", do="send it in parts", evidence=ids, repo=REPO)
    saved = await first.service.save_lesson(save)
    private = await first.record("a task of ada alone", repo="ada/notes")
    own = SaveLesson(when="in secret", do="whisper", evidence=[private])
    await first.service.save_lesson(own)
    await exchange(first, second)
    assert await known(second) == [("uploading files", "send it in parts")]
    revised = save.model_copy(update={"do": "in parts of 5 MB", "lesson_id": saved.lesson_id})
    await second.service.save_lesson(revised)
    await exchange(second, first)
    assert ("uploading files", "in parts of 5 MB") in await known(first)
    await second.forget(*ids)
    await exchange(second, first)
    assert await known(first) == [("in secret", "whisper")]
    assert await known(second) == []
    assert server.execute(database, "SELECT doc FROM mcpl.lessons") == [(None,)]


async def test_a_lesson_on_what_was_forgotten_elsewhere_never_reaches_the_team(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    task_id = await first.record("upload the secret plan")
    await exchange(first, second)
    await first.forget(task_id)
    await first.exchange()
    save = SaveLesson(when="uploading", do="hide the secret plan", evidence=[task_id])
    await second.service.save_lesson(save)  # it doesn't know yet
    await second.exchange(direction="push")
    assert server.execute(database, "SELECT doc FROM mcpl.lessons") == []
    await second.exchange()
    assert await known(second) == []


async def test_a_lesson_waits_for_no_page_of_its_executions(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    task_id = await first.record("upload a file")
    save = SaveLesson(when="uploading", do="send parts", evidence=[task_id], repo=REPO)
    await first.service.save_lesson(save)
    await first.exchange()
    # the execution changes later than the lesson, and comes after it
    server.execute(database, "UPDATE mcpl.teams SET change = change + 1")
    server.execute(database, "UPDATE mcpl.executions SET change = (SELECT change FROM mcpl.teams)")
    await second.exchange()
    assert await known(second) == [("uploading", "send parts")]


async def test_a_lesson_goes_from_hosts_that_know_an_earlier_version_of_it_too(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben", "ben") as (first, second, third):
        ids = [await first.record(f"upload a file, attempt {number}") for number in range(2)]
        save = SaveLesson(when="uploading files", do="in parts", evidence=ids[:1], repo=REPO)
        saved = await first.service.save_lesson(save)
        await exchange(first, second, third)
        told = {"do": "in parts of 5 MB", "evidence": ids[1:], "lesson_id": saved.lesson_id}
        await second.service.save_lesson(save.model_copy(update=told))
        await second.exchange()
        await first.forget(*ids[1:])
        for host in (first, second, third):
            await host.exchange()
            assert await known(host) == []
        assert server.execute(database, "SELECT doc FROM mcpl.lessons") == [(None,)]


async def test_a_host_sends_no_lesson_that_it_has_from_the_team(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    server.execute(database, "UPDATE mcpl.members SET can_write = false WHERE member = 'ben'")
    first, reader = pair
    task_id = await first.record("upload a file")
    save = SaveLesson(when="uploading", do="send parts", evidence=[task_id], repo=REPO)
    await first.service.save_lesson(save)
    await first.exchange(fill=True)
    assert (await reader.exchange(fill=True)).pushed == 0
    assert await known(reader) == [("uploading", "send parts")]


async def test_a_lesson_of_the_team_is_changed_also_where_its_repository_is_not_named(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with (
        hosts(server, database, tmp_path / "first", "ada") as (first,),
        hosts(server, database, tmp_path / "second", "ben", team_repos="acme/docs") as (second,),
    ):
        task_id = await first.record("upload a file")
        save = SaveLesson(when="uploading", do="send parts", evidence=[task_id], repo=REPO)
        lesson_id = (await first.service.save_lesson(save)).lesson_id
        await exchange(first, second)
        retire = ChangeLesson(lesson_id=str(lesson_id), action="retire")
        await second.service.change_lesson(retire)
        await exchange(second, first)
        assert (await first.service.list_lessons(ListLessons())).counts.retired == 1


async def test_a_lesson_that_is_changed_before_the_first_exchange_follows_as_a_whole(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", team="", team_url=None) as (alone,):
        task_id = await alone.record("upload a file")
        save = SaveLesson(when="uploading", do="send parts", evidence=[task_id], repo=REPO)
        lesson_id = (await alone.service.save_lesson(save)).lesson_id
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await first.service.change_lesson(ChangeLesson(lesson_id=str(lesson_id), action="pin"))
        await first.exchange(fill=True)
        await second.exchange()
        assert await known(second) == [("uploading", "send parts")]


async def test_a_lesson_is_sent_once_however_long_ago_that_was(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    async with hosts(server, database, tmp_path, "ada") as (host,):
        task_id = await host.record("upload a file")
        save = SaveLesson(when="uploading", do="send parts", evidence=[task_id], repo=REPO)
        await host.service.save_lesson(save)
        await host.exchange()
        path = host.service.store.path
    with duckdb.connect(path) as file:
        file.execute("UPDATE outbox SET sent_at = sent_at - INTERVAL 2 DAYS")
    async with hosts(server, database, tmp_path, "ada") as (host,):
        await host.record("mend the cart")
        await host.exchange()
        assert (await host.exchange(fill=True)).pushed == 0


async def test_a_lesson_has_the_evidence_of_all_hosts_that_revise_it_at_once(pair: Pair) -> None:
    first, second = pair
    ids = [await first.record(f"upload a file, attempt {number}") for number in range(3)]
    told = SaveLesson(when="uploading", do="in parts", evidence=ids[:1], repo=REPO)
    lesson_id = (await first.service.save_lesson(told)).lesson_id
    await exchange(first, second)
    for host, one in ((first, ids[1]), (second, ids[2])):
        revised = told.model_copy(update={"lesson_id": lesson_id, "evidence": [one]})
        await host.service.save_lesson(revised)
    await exchange(first, second, first)
    for host in (first, second):
        (found,) = (await host.service.list_lessons(ListLessons())).lessons
        assert set(found.lesson.evidence) == set(ids)


async def test_a_lesson_goes_from_all_hosts_with_an_execution_that_only_one_of_them_has(
    pair: Pair,
) -> None:
    first, second = pair
    shown = await first.record("upload a file")
    own = await first.record("upload the secret plan", repo=None)
    save = SaveLesson(when="uploading", do="hide the plan", evidence=[shown, own], repo=REPO)
    await first.service.save_lesson(save)
    await exchange(first, second)
    assert await known(second) == [("uploading", "hide the plan")]
    await first.forget(own)
    await first.exchange()
    for host in (second, first):
        await host.exchange()
        assert await known(host) == []
