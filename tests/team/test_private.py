"""What is private reaches the hosts of its author, and nobody else, whatever program asks."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from team.hosts import REPO, Host, exchange, hosts, make_team
from team.server import PostgresServer

from mcp_learning.errors import NotFound
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.models.requests import RecordExecution

pytestmark = pytest.mark.anyio

DIARY = "acme/diary"
PRIVATE = {"team_private": "acme/d*"}
TABLES = ("executions", "vectors", "feedback", "uses", "lessons")


async def write_all_about(host: Host) -> SaveLesson:
    """An execution with everything that belongs to one, and a lesson; all of the diary."""
    earlier = await host.record("a secret plan", repo=DIARY)
    await host.record("a second plan", repo=DIARY, used_task_ids=[earlier])
    await host.judge(earlier, comment="a secret")
    await host.service.ready()
    lesson = SaveLesson(when="planning", do="keep it secret", evidence=[earlier], repo=DIARY)
    await host.service.save_lesson(lesson)
    return lesson


def searched(connection: psycopg.Connection[Any]) -> tuple[list[Any], list[Any], int]:
    """What a search in the team's store finds of the plans, and the repositories that it knows.

    And how many executions have a word of theirs.
    """
    team = "SELECT team FROM mcpl.teams"
    asked = f"mcpl.candidates(({team}), 'secret plan', NULL, '', '{{}}', 9, NULL)"
    connection.execute(f"SELECT mcpl.read_in(({team}), 100)".encode())
    found = connection.execute(f"SELECT unnest(task_ids) FROM {asked}".encode()).fetchall()
    known = connection.execute(f"SELECT mcpl.spellings(({team}))".encode()).fetchall()
    counted = connection.execute(
        f"SELECT mcpl.frequencies_of(({team}), '{{plan}}')".encode()
    ).fetchall()
    return found, known, counted[0][0][0]


async def test_another_member_sees_nothing_of_it_and_the_author_s_other_host_does(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ada", "ben", **PRIVATE) as team:
        first, second, other = team
        lesson = await write_all_about(first)
        await first.exchange()
        with psycopg.connect(server.url(database, "ben"), autocommit=True) as ben:
            for table in TABLES:
                assert ben.execute(f"SELECT * FROM mcpl.{table}".encode()).fetchall() == []
            assert searched(ben) == ([], [], 0)
        with psycopg.connect(server.url(database, "ada"), autocommit=True) as ada:
            plans, known, counted = searched(ada)
            assert (len(plans), len(known), counted) == (2, 1, 0)  # nobody learns of words
        assert (await other.exchange()).pulled == 0
        assert (await second.exchange()).pulled == 2
        (plan, *_) = await second.found("a secret plan")
        detail = await second.detail(plan)
        assert detail.execution.author == "ada"
        assert [one.comment for one in detail.feedback] == ["a secret"]
        assert len(detail.used_by) == 1
        await second.revise(plan, approach="from elsewhere")
        await exchange(second, first)
        assert (await first.execution(plan)).approach == "from elsewhere"
        for host, told in ((first, [lesson.do]), (second, [lesson.do]), (other, [])):
            shown = (await host.service.list_lessons(ListLessons())).lessons
            assert [one.lesson.do for one in shown] == told


async def test_another_member_who_knows_its_id_changes_and_forgets_nothing(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    task_id = uuid7()
    async with hosts(server, database, tmp_path, "ada", **PRIVATE) as (first,):
        request = RecordExecution(
            task_id=task_id,
            task_description="a secret plan",
            task_type="plan",
            outcome="success",
            repo=DIARY,
        )
        await first.service.record(request)
        await first.exchange()
    ((team,),) = server.execute(database, "SELECT team FROM mcpl.teams")
    about = f'[{{"n": 1, "task_id": "{task_id}", "at": "2026-01-01T00:00:00Z"'
    with psycopg.connect(server.url(database, "ben"), autocommit=True) as ben:
        whole = dict.fromkeys(
            ("task_type", "task_description", "outcome", "recorded_at"), "planted"
        )
        for kind, more in (("forget", ""), ("patch", f', "doc": {json.dumps(whole)}')):
            given = f'{{"{kind}": {about}{more}}}]}}'
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ben.execute("SELECT mcpl.push(%s, 1, 1, %s)", [team, given])
        changed = ben.execute("UPDATE mcpl.executions SET doc = '{}' RETURNING 1")
        assert changed.fetchall() == []
    stored = server.execute(
        database, "SELECT doc->>'task_description', author FROM mcpl.executions"
    )
    assert stored == [("a secret plan", "ada")]


async def test_what_is_not_private_is_shared_and_what_says_of_no_repository_any_more_is_not(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben", **PRIVATE) as (first, other):
        shown = await first.record("mend the cart")
        hidden = await first.record("a secret plan", repo=DIARY)
        await first.exchange()
        await first.revise(hidden, clear=["repo"])
        await first.exchange()
        server.execute(database, "DELETE FROM mcpl.executions")
        server.execute(database, "UPDATE mcpl.teams SET epoch = gen_random_uuid()")
        await first.exchange()  # what was lost is sent again
        assert len(server.execute(database, "SELECT 1 FROM mcpl.executions")) == 2
        await other.exchange()
        assert await other.rows() == 1
        assert (await other.execution(shown)).author == "ada"


async def test_a_host_that_gets_another_role_has_what_that_role_may_read_and_nothing_else(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben", **PRIVATE) as (first, second):
        plan = await first.record("a secret plan", repo=DIARY)
        await first.exchange()
        await second.record("translate the invoice")
        await second.exchange()
    async with hosts(server, database, tmp_path, "ben", "ada", **PRIVATE) as (first, second):
        await second.exchange()
        assert (await second.execution(plan)).author == "ada"
        assert (await second.exchange()).pulled == 0
        await first.exchange()
        with pytest.raises(NotFound):
            await first.execution(plan)
        assert await first.rows() == 1


async def test_what_waits_is_not_sent_when_its_repository_is_shared_no_longer(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    async with hosts(server, database, tmp_path, "ada") as (host,):
        moved, other = [await host.record(text) for text in ("mend the cart", "mend the login")]
        save = SaveLesson(when="mending", do="look at the wheels", evidence=[other], repo=REPO)
        await host.service.save_lesson(save)
        shown = await host.record("describe the cart", repo="acme/docs")
        await host.revise(moved, repo="ada/diary")
    async with hosts(server, database, tmp_path, "ada", team_repos="acme/docs") as (host,):
        await host.exchange(fill=True)
        assert server.execute(database, "SELECT task_id FROM mcpl.executions") == [(shown,)]
        assert server.execute(database, "SELECT 1 FROM mcpl.lessons") == []
    async with hosts(server, database, tmp_path, "ada") as (host,):
        await host.exchange(fill=True)
        sent = server.execute(database, "SELECT doc->>'repo' FROM mcpl.executions ORDER BY 1")
        assert sent == [("acme/docs",), (REPO,)]
        assert server.execute(database, "SELECT 1 FROM mcpl.lessons") == [(1,)]
