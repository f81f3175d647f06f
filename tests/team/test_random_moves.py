"""A host that moves between two teams: after any operations, neither has texts of the other."""

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from team.hosts import Host, make_team, settings_of
from team.operations import ALL, HOLDS
from team.server import PostgresServer

from mcp_learning.errors import InvalidInput, NotFound, TeamError
from mcp_learning.models.corrections import ReviseExecution
from mcp_learning.models.lessons import ListLessons, SaveLesson
from mcp_learning.models.requests import ForgetExecutions, SubmitFeedback
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

TEAMS = ("shop", "lab")
MOVING = 2


@dataclass
class Moves:
    """A host of each team, and one that moves between them.

    Attributes:
        settings: Of these hosts.
        written: The executions that each of them wrote.
        taught: The lessons that each of them wrote.
        seen: Executions of others that the moving host had when it left their team.
        own: Executions that the moving host wrote, and had when it left or wrote since.
        forgotten: Executions that any host has forgotten.
    """

    server: PostgresServer
    database: str
    random: random.Random
    settings: list[Settings]
    hosts: list[Host]
    written: tuple[set[UUID], ...] = field(default_factory=lambda: (set(), set(), set()))
    taught: tuple[set[UUID], ...] = field(default_factory=lambda: (set(), set(), set()))
    seen: set[UUID] = field(default_factory=set)
    own: set[UUID] = field(default_factory=set)
    forgotten: set[UUID] = field(default_factory=set)

    def any_host(self) -> Host:
        return self.random.choice(self.hosts)

    def any_execution(self) -> UUID:
        return self.random.choice(sorted(set().union(*self.written)))

    async def record(self) -> None:
        await self.write(f"mend the cart, part {self.random.random()}")

    async def write(self, text: str, **given: Any) -> None:
        number = self.random.randrange(len(self.hosts))
        made = await self.hosts[number].record(text, **given)
        self.written[number].add(made)
        if number == MOVING:
            self.own.add(made)

    async def correct(self) -> None:
        request = ReviseExecution(task_id=self.any_execution(), approach=str(self.random.random()))
        await self.any_host().service.revise(request)

    async def comment(self) -> None:
        request = SubmitFeedback(task_id=self.any_execution(), rating=self.random.randint(1, 5))
        await self.any_host().service.feedback(request.identified())

    async def use(self) -> None:
        await self.write("mend it again", used_task_ids=[self.any_execution()])

    async def teach(self) -> None:
        number, one = self.random.randrange(len(self.hosts)), self.any_execution()
        text = str(self.random.random())
        request = SaveLesson(when=f"mending {text}", do=f"look at {text}", evidence=[one])
        saved = await self.hosts[number].service.save_lesson(request)
        self.taught[number].add(saved.lesson_id)

    async def forget(self) -> None:
        one = self.any_execution()
        request = ForgetExecutions(task_ids=[one], dry_run=False)
        if not (await self.any_host().service.forget(request)).unknown_task_ids:
            self.forgotten.add(one)

    async def exchange(self) -> None:
        await self.any_host().exchange(fill=True)

    async def restart(self) -> None:
        await self.hosts[MOVING].service.close()
        self.hosts[MOVING] = Host(self.settings[MOVING])

    async def look(self) -> None:
        written = self.written[TEAMS.index(self.settings[MOVING].team)]
        self.seen -= written  # it may hold a part of them
        self.seen |= await self.here(written)
        self.own = await self.here(self.written[MOVING])

    async def here(self, task_ids: set[UUID]) -> set[UUID]:
        """Those of these executions that are in the moving host's database."""
        store = self.hosts[MOVING].service.store
        return task_ids - set(await store.absent(sorted(task_ids)))

    async def move(self) -> None:
        mover = self.hosts[MOVING]
        await mover.exchange(fill=True)
        await self.look()
        await mover.service.leave_team()
        (team,) = set(TEAMS) - {self.settings[MOVING].team}
        self.settings[MOVING] = self.settings[MOVING].model_copy(update={"team": team})
        await self.restart()

    async def hold(self) -> None:
        """Has the moving host hold another part of its team's executions."""
        given = self.random.choice((ALL, *HOLDS))
        self.settings[MOVING] = self.settings[MOVING].model_copy(update=given)
        await self.restart()

    async def replace_store(self) -> None:
        self.server.execute(self.database, "UPDATE mcpl.teams SET epoch = gen_random_uuid()")

    async def operate(self) -> None:
        operations = {
            self.record: 8,
            self.correct: 8,
            self.comment: 4,
            self.use: 3,
            self.teach: 3,
            self.forget: 2,
            self.exchange: 8,
            self.restart: 1,
            self.move: 3,
            self.hold: 2,
            self.replace_store: 1,
        }
        (operation,) = self.random.choices(list(operations), list(operations.values()))
        try:
            await operation()
        except (InvalidInput, NotFound, TeamError):  # it isn't there
            return

    def shared(self, team: str) -> set[UUID]:
        """The executions of a team, forgotten or not."""
        query = "SELECT task_id FROM mcpl.executions JOIN mcpl.teams t USING (team) WHERE t.name = "
        return {UUID(str(row[0])) for row in self.server.execute(self.database, f"{query}'{team}'")}


async def test_of_two_teams_neither_gets_what_was_written_in_the_other(
    server: PostgresServer, database: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    steps, seed = pytestconfig.getoption("--operations"), pytestconfig.getoption("--seed")
    for team in TEAMS:
        await make_team(server, database, "ada", "ben", team=team)
    given = (("ada", "shop"), ("ada", "lab"), ("ben", "shop"))
    settings = [
        settings_of(server, database, tmp_path / str(number), role, team=team)
        for number, (role, team) in enumerate(given)
    ]
    made = Moves(server, database, random.Random(seed), settings, [Host(one) for one in settings])
    await made.record()
    for _ in range(steps):
        await made.operate()
    for _ in range(3):
        for host in made.hosts:
            await host.exchange(fill=True)
    for number, (there, elsewhere) in enumerate((TEAMS, TEAMS[::-1])):
        assert made.written[number] - made.forgotten <= made.shared(there)
        assert made.shared(elsewhere).isdisjoint(made.written[number])
        lessons = (await made.hosts[number].service.list_lessons(ListLessons())).lessons
        assert made.taught[1 - number].isdisjoint(one.lesson.lesson_id for one in lessons)
    assert made.own - made.forgotten <= made.shared(made.settings[MOVING].team)
    for one in made.seen - made.forgotten:
        assert (await made.hosts[MOVING].execution(one)).author is not None
    for host in made.hosts:
        await host.service.close()
