"""Operations of a team's hosts at random, and what they should have afterwards."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

import anyio
from team.hosts import REPO, Host
from team.server import PostgresServer

from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.clients.transfer.rows import RowParser
from mcp_learning.errors import InvalidInput, NotFound, TeamError
from mcp_learning.models.corrections import Judge, Judgement
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.lessons import ChangeLesson, SaveLesson
from mcp_learning.models.maintenance import Backup, Prune, Unarchive
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    Outcome,
    RecommendApproach,
)
from mcp_learning.models.transfer import ExportPage, ImportBatch
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.service.recovery import restore
from mcp_learning.service.retention import archives_in
from mcp_learning.settings import Settings

WORDS = (
    *("invoice", "export", "login", "redirect", "cart", "parser", "timeout", "deadlock", "retry"),
    *("cache", "token", "webhook", "schema", "refund", "upload", "queue", "请求", "Anmeldung"),
)
ALL_REPOS = "acme/*"
PRIVATE = "acme/notes"
ALL: dict[str, Any] = {"team_replica": "all", "team_replica_max_rows": 1_000_000}
HOLDS: tuple[dict[str, Any], ...] = (
    {**ALL, "team_replica": "none"},
    {**ALL, "team_replica": "own"},
    {**ALL, "team_replica_max_rows": 12},
)
"""What a host may hold; of what it doesn't, it fetches what it needs."""

OUTCOMES: tuple[Outcome, ...] = ("success", "failure")
ACTIONS: tuple[Literal["approve", "retire", "pin"], ...] = ("approve", "retire", "pin")
LONG_AGO = timedelta(days=30)
OLD_DAYS = 7  # after which `prune` archives executions
ROUNDS = 3  # of exchanges until all have everything: changes, what follows from them, and vectors


def role_of(settings: Settings) -> str:
    assert settings.team_url is not None
    return str(urlsplit(settings.team_url.get_secret_value()).username)


@dataclass
class Team:
    """Hosts, and what they should have.

    Attributes:
        known: By execution, its fields with all that they were told to be. The one that reached the
            team last stands, which need not be the latest.
        forgotten: Executions that are to be nowhere.
        lessons: All that were saved.
        private: Executions that one role alone may know, with that role.
        exported: Rows of executions as hosts had them at any time.
        backups: The last backup of a host, by its number.
    """

    directory: Path
    server: PostgresServer
    random: random.Random
    settings: list[Settings]
    hosts: list[Host]
    known: dict[UUID, dict[str, set[str | None]]] = field(default_factory=dict)
    forgotten: set[UUID] = field(default_factory=set)
    lessons: set[UUID] = field(default_factory=set)
    private: dict[UUID, str] = field(default_factory=dict)
    exported: list[dict[str, Any]] = field(default_factory=list)
    backups: dict[int, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.first_settings = list(self.settings)

    def any_number(self) -> int:
        return self.random.randrange(len(self.hosts))

    def any_host(self) -> Host:
        return self.random.choice(self.hosts)

    def any_execution(self) -> UUID:
        return self.random.choice(list(self.known))

    def text(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(2, 8)))

    def task(self) -> dict[str, str]:
        return {
            "task_description": self.text(),
            "approach": self.random.choice(("by hand", "script")),
            "outcome": self.random.choice(("success", "failure", "pending")),
        }

    async def record(self, **given: Any) -> None:
        told = self.task()
        rest = {"approach": told["approach"], "outcome": told["outcome"]}
        task_id = await self.any_host().record(told["task_description"], **rest, **given)
        self.known[task_id] = {name: {value} for name, value in told.items()}

    async def whisper(self) -> None:
        number = self.any_number()
        task_id = await self.hosts[number].record(self.text(), repo=PRIVATE)
        self.private[task_id] = role_of(self.settings[number])

    async def overhear(self) -> None:
        """A host corrects and judges what may be private to another role."""
        if self.private:
            one, host = self.random.choice(list(self.private)), self.any_host()
            await host.revise(one, approach=self.text())
            await host.judge(one, rating=2)

    async def bring(self) -> None:
        """Imports a task of long ago."""
        told, task_id = self.task(), uuid7()
        values = {"task_type": "bug_fix", "repo": REPO, **told}
        moment = datetime.now(UTC) - LONG_AGO
        record = {"task_id": task_id, "execution": values, "recorded_at": moment}
        request = ImportBatch.model_validate({"records": [record]})
        await self.any_host().service.import_batch(request)
        self.known[task_id] = {name: {value} for name, value in told.items()}

    async def export(self) -> None:
        rows = (await self.any_host().service.export_page(ExportPage())).rows
        self.exported += [row for row in rows if row.get("repo") != PRIVATE]

    async def import_again(self) -> None:
        """Imports some of what was exported, which may be gone, older or newer by now."""
        parser = RowParser(Notes(), datetime.now(UTC))
        chosen = self.random.sample(self.exported, min(3, len(self.exported)))
        records = [one for row in chosen if (one := parser.execution("", row))]
        await self.any_host().service.import_batch(ImportBatch(records=records))

    async def use(self) -> None:
        await self.record(used_task_ids=[self.any_execution()])

    async def supersede(self) -> None:
        await self.record(details={"supersedes": self.any_execution()})

    async def correct(self) -> None:
        one, name = self.any_execution(), self.random.choice(("approach", "task_description"))
        text = self.text()
        await self.any_host().revise(one, **{name: text})
        self.known[one][name].add(text)

    async def clear(self) -> None:
        one = self.any_execution()
        await self.any_host().revise(one, clear=["approach"])
        self.known[one]["approach"].add(None)

    async def judge(self) -> None:
        one, outcome = self.any_execution(), self.random.choice(OUTCOMES)
        told = {"source": "git", "outcome_basis": "git", "confidence": 0.9}
        told |= {"task_id": one, "outcome": outcome, "at": datetime.now(UTC)}
        judgement = Judgement.model_validate(told)
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
        await self.any_host().judge(self.any_execution(), rating=self.random.randint(1, 5))

    async def forget(self) -> None:
        one, host = self.any_execution(), self.any_host()
        request = ForgetExecutions(task_ids=[one], dry_run=False)
        if await self.has_left(host):  # which forgets for the team only what it wrote
            await host.exchange(fill=True)
        if not (await host.service.forget(request)).unknown_task_ids:
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

    async def restart(self, number: int | None = None) -> None:
        number = self.any_number() if number is None else number
        await self.hosts[number].service.close()
        self.hosts[number] = Host(self.settings[number])

    async def configure(self, number: int, **given: Any) -> None:
        """Changes settings of a host, after the team got what it has now."""
        new = self.settings[number].model_copy(update=given)
        if new != self.settings[number]:
            for _ in range(2):  # it reads back what it sent while others wrote
                await self.hosts[number].exchange(fill=True)
            self.settings[number] = new
            await self.restart(number)

    async def reconfigure(self) -> None:
        """A host shares or holds something else, or gets another role."""
        changes = [ALL, *HOLDS, {"team_repos": ALL_REPOS}, {"team_repos": "acme/docs"}]
        changes += [{"team_url": one.team_url} for one in self.first_settings]
        await self.configure(self.any_number(), **self.random.choice(changes))

    async def has_left(self, host: Host) -> bool:
        team = (await host.service.health()).team
        return team is not None and team.role is None

    async def leave(self) -> None:
        """A host leaves; its next exchange joins it again."""
        number = self.any_number()
        if self.settings[number].team_repos == ALL_REPOS:
            await self.hosts[number].exchange(fill=True)  # what waits would be dropped
            await self.hosts[number].service.leave_team()

    async def back_up(self) -> None:
        number = self.any_number()
        path = self.directory / f"{number}.duckdb"
        await self.hosts[number].service.backup(Backup(path=str(path)))
        self.backups[number] = path

    async def restore(self) -> None:
        """A host gets the state of an earlier backup, after the team got what it has now."""
        if not self.backups:
            return
        number = self.random.choice(sorted(self.backups))
        await self.configure(number, team_repos=ALL_REPOS)
        await self.hosts[number].exchange(fill=True)
        await self.hosts[number].service.close()
        restore(self.settings[number], self.backups[number], force=True)
        self.hosts[number] = Host(self.settings[number])

    async def prune(self) -> None:
        number = self.any_number()
        limits = Prune(older_than_days=OLD_DAYS, archive=str(self.archive(number)))
        await self.hosts[number].service.prune(limits, ignore_progress)

    async def unarchive(self, number: int | None = None) -> None:
        number = self.any_number() if number is None else number
        if self.archive(number).exists():
            paths = [str(one) for one in archives_in(self.archive(number))]
            await self.hosts[number].service.unarchive(Unarchive(paths=paths))

    def archive(self, number: int) -> Path:
        return self.directory / f"archive{number}"

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
            self.bring: 3,
            self.whisper: 2,
            self.overhear: 2,
            self.export: 1,
            self.import_again: 2,
            self.reconfigure: 2,
            self.leave: 1,
            self.back_up: 1,
            self.restore: 1,
            self.prune: 1,
            self.unarchive: 1,
            self.restart: 1,
            self.kill_server: 0.3,
        }
        (operation,) = self.random.choices(list(operations), list(operations.values()))
        try:
            await operation()
        except (InvalidInput, NotFound, TeamError):  # it isn't there, or the server was slow
            return

    async def settle(self) -> None:
        """Hosts share everything, hold what they held at first, and exchange."""
        for number, settings in enumerate(self.first_settings):
            await self.configure(number, **dict(settings))
            await self.unarchive(number)
        for _ in range(ROUNDS):
            for host in self.hosts:
                await host.exchange(fill=True)
