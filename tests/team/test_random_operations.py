"""Hosts that hold all, some and nothing, after any operations: they have the same in the end."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import anyio
import pytest
from team.hosts import Host, make_team, search_by_meaning, settings_of
from team.server import PostgresServer
from waiting import until

from mcp_learning.errors import InvalidInput, NotFound, TeamError
from mcp_learning.models.corrections import Judge, Judgement, ReviseExecution
from mcp_learning.models.lessons import ChangeLesson, Lesson, ListLessons, SaveLesson
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    LearningStats,
    Outcome,
    RecommendApproach,
    SubmitFeedback,
)
from mcp_learning.models.results import ExecutionDetail
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

WORDS = (
    *("invoice", "export", "login", "redirect", "cart", "parser", "timeout", "deadlock", "retry"),
    *("cache", "token", "webhook", "schema", "refund", "upload", "queue", "请求", "Anmeldung"),
)
HOLD: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("ada", {}), ("ben", {}), ("ben", {"team_replica": "none"})),
    *(("ada", {"team_replica_max_rows": 12}), ("ben", {"team_replica": "own"})),
)
"""The roles of the hosts, and settings of what they hold."""

OUTCOMES: tuple[Outcome, ...] = ("success", "failure")
ACTIONS: tuple[Literal["approve", "retire", "pin"], ...] = ("approve", "retire", "pin")
ROUNDS = 3  # of exchanges until all have everything: changes, what follows from them, and vectors


@dataclass
class Team:
    """Hosts, and what they should have.

    Attributes:
        known: By execution, its fields with all that they were told to be. The one that reached the
            team last stands, which need not be the latest.
        forgotten: Executions that are to be nowhere.
        lessons: All that were saved.
    """

    server: PostgresServer
    random: random.Random
    settings: list[Settings]
    hosts: list[Host]
    known: dict[UUID, dict[str, set[str | None]]] = field(default_factory=dict)
    forgotten: set[UUID] = field(default_factory=set)
    lessons: set[UUID] = field(default_factory=set)

    def any_host(self) -> Host:
        return self.random.choice(self.hosts)

    def any_execution(self) -> UUID:
        return self.random.choice(list(self.known))

    def text(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(2, 8)))

    async def record(self, **given: Any) -> None:
        told = {
            "task_description": self.text(),
            "approach": self.random.choice(("by hand", "script")),
            "outcome": self.random.choice(("success", "failure", "pending")),
        }
        description = told["task_description"]
        rest = {"approach": told["approach"], "outcome": told["outcome"]}
        task_id = await self.any_host().record(description, **rest, **given)
        self.known[task_id] = {name: {value} for name, value in told.items()}

    async def use(self) -> None:
        await self.record(used_task_ids=[self.any_execution()])

    async def supersede(self) -> None:
        await self.record(details={"supersedes": self.any_execution()})

    async def correct(self) -> None:
        one, name = self.any_execution(), self.random.choice(("approach", "task_description"))
        text = self.text()
        await self.any_host().service.revise(
            ReviseExecution.model_validate({"task_id": one, name: text})
        )
        self.known[one][name].add(text)

    async def clear(self) -> None:
        one = self.any_execution()
        await self.any_host().service.revise(ReviseExecution(task_id=one, clear=["approach"]))
        self.known[one]["approach"].add(None)

    async def judge(self) -> None:
        one, outcome = self.any_execution(), self.random.choice(OUTCOMES)
        judgement = Judgement(
            task_id=one,
            source="git",
            outcome=outcome,
            outcome_basis="git",
            confidence=0.9,
            at=datetime.now(UTC),
        )
        await self.any_host().service.judge(Judge(judgements=[judgement]))
        self.known[one].pop("outcome", None)  # what was told may count for more

    async def teach(self) -> None:
        """Saves a lesson, or revises one."""
        known = self.random.choice([None, *sorted(self.lessons)])
        told = SaveLesson(
            when=self.text(), do=self.text(), evidence=[self.any_execution()], lesson_id=known
        )
        self.lessons.add((await self.any_host().service.save_lesson(told)).lesson_id)

    async def decide(self) -> None:
        """Decides about a lesson."""
        if self.lessons:
            action = self.random.choice(ACTIONS)
            one = str(self.random.choice(sorted(self.lessons)))
            await self.any_host().service.change_lesson(ChangeLesson(lesson_id=one, action=action))

    async def comment(self) -> None:
        given = SubmitFeedback(task_id=self.any_execution(), rating=self.random.randint(1, 5))
        await self.any_host().service.feedback(given.identified())

    async def forget(self) -> None:
        one = self.any_execution()
        request = ForgetExecutions(task_ids=[one], dry_run=False)
        if not (await self.any_host().service.forget(request)).unknown_task_ids:
            del self.known[one]
            self.forgotten.add(one)

    async def ask(self) -> None:
        """Three questions at once."""
        service = self.any_host().service
        async with anyio.create_task_group() as group:
            for _ in range(2):
                request = FindSimilarTasks(task_description=self.text())
                group.start_soon(service.find, request)
            group.start_soon(service.recommend, RecommendApproach(task_description=self.text()))

    async def give_up(self) -> None:
        """A question that the agent cancels."""
        with anyio.move_on_after(self.random.random() / 20):
            await self.any_host().service.find(FindSimilarTasks(task_description=self.text()))

    async def exchange(self) -> None:
        await self.any_host().exchange()

    async def restart(self) -> None:
        number = self.random.randrange(len(self.hosts))
        await self.hosts[number].service.close()
        self.hosts[number] = Host(self.settings[number])

    async def kill_server(self) -> None:
        await anyio.to_thread.run_sync(self.server.kill)
        await anyio.to_thread.run_sync(self.server.start)

    async def operate(self) -> None:
        operations = {
            self.record: 12,
            self.use: 3,
            self.supersede: 2,
            self.correct: 8,
            self.clear: 2,
            self.judge: 3,
            self.comment: 4,
            self.teach: 6,
            self.decide: 3,
            self.forget: 4,
            self.ask: 12,
            self.give_up: 3,
            self.exchange: 6,
            self.restart: 1,
            self.kill_server: 0.3,
        }
        (operation,) = self.random.choices(list(operations), list(operations.values()))
        try:
            await operation()
        except (InvalidInput, NotFound, TeamError):  # it isn't there, or the server was slow
            return

    async def settle(self) -> None:
        for _ in range(ROUNDS):
            for host in self.hosts:
                await host.exchange()


@asynccontextmanager
async def team(
    server: PostgresServer, database: str, directory: Path, seed: int
) -> AsyncIterator[Team]:
    """Hosts of which two hold everything, one nothing, one a few, and one what is its own."""
    await make_team(server, database, "ada", "ben")
    await search_by_meaning(server, database)
    settings = [
        settings_of(server, database, directory / str(number), role, **given)
        for number, (role, given) in enumerate(HOLD)
    ]
    made = Team(server, random.Random(seed), settings, [Host(one) for one in settings])
    for _ in range(5):
        await made.record()
    yield made
    for host in made.hosts:
        await host.service.close()


def comparable(detail: ExecutionDetail) -> dict[str, Any]:
    found = {**detail.execution.model_dump(), "outcome_reason": detail.outcome_reason}
    for name in ("feedback", "used_task_ids", "used_by"):
        found[name] = sorted(map(str, getattr(detail, name)))
    return found


async def lessons_of(host: Host, told: set[UUID]) -> dict[UUID, Lesson]:
    """Those of some lessons that a host has, with evidence in one order."""
    found = (await host.service.list_lessons(ListLessons())).lessons
    return {
        one.lesson.lesson_id: one.lesson.model_copy(
            update={"evidence": sorted(one.lesson.evidence), "updated_at": None}
        )
        for one in found
        if one.lesson.lesson_id in told
    }


async def tells(host: Host, task_id: UUID, expected: dict[str, Any]) -> bool:
    """Whether a host, which may have to fetch it, tells this of an execution."""
    try:
        return comparable(await host.detail(task_id)) == expected
    except NotFound:  # a server that was slow isn't asked again for a while
        return False


async def test_whatever_hosts_did_they_have_the_same_in_the_end(
    vector_server: PostgresServer,
    vector_database: str,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    tell: Callable[[str], None],
) -> None:
    steps, seed = pytestconfig.getoption("--operations"), pytestconfig.getoption("--seed")
    async with team(vector_server, vector_database, tmp_path, seed) as made:
        for _ in range(steps):
            await made.operate()
        await made.settle()
        for one, told in made.known.items():
            whole, *others = made.hosts
            expected = comparable(await whole.detail(one))
            for name, values in told.items():
                assert expected[name] in values
            for host in others:
                await until(partial(tells, host, one, expected))
        lessons = [await lessons_of(host, made.lessons) for host in made.hosts]
        assert all(one == lessons[0] for one in lessons)
        for one in made.forgotten:
            for host in made.hosts:
                with pytest.raises(NotFound):
                    await host.detail(one)
        query = "SELECT task_id FROM mcpl.executions WHERE doc IS NOT NULL"
        there = vector_server.execute(vector_database, query)
        assert {UUID(str(row[0])) for row in there} == set(made.known)
        first, second, *_ = [await one.service.stats(LearningStats()) for one in made.hosts]
        assert (first.totals, first.groups) == (second.totals, second.groups)
        for question in [made.text() for _ in range(8)]:
            found = [await host.found(question) for host in made.hosts]
            assert found[0] == found[1]
            assert set().union(*found) <= set(made.known)
        count, gone = len(made.known), len(made.forgotten)
        tell(f"{steps} operations of 5 hosts: {count} executions are the same, {gone} are gone")
