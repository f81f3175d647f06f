"""Eight hosts that work at once over slow ways: nothing is missing or stale, answers agree."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import UUID

import anyio
import pytest
from team.hosts import REPO, Host, hosts, make_team
from team.link import Link
from team.server import PostgresServer
from waiting import until

from mcp_learning.errors import NotFound
from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.transfer import ExportPage

pytestmark = pytest.mark.anyio

HOSTS = 8
DELAY = 0.05
WHAT = (
    "login",
    "export",
    "invoice",
    "search",
    "cart",
    "report",
    "upload",
    "cache",
    "mail",
    "chart",
)
HOW = ("is slow", "fails with a timeout", "shows the wrong total", "loses the last line")
QUESTIONS = [f"the {what} of the shop {how}" for what in WHAT for how in HOW]


class Worker:
    """What one host does, and what has to be of it in the end.

    Attributes:
        recorded: Executions that were acknowledged.
        corrected: The last approach that this host gave to each execution.
    """

    def __init__(self, host: Host, number: int, seed: int) -> None:
        self.host = host
        self._number = number
        self._random = random.Random(f"{seed}/{number}")
        self.recorded: list[UUID] = []
        self.corrected: dict[UUID, str] = {}

    async def work(self, records: int, known: list[UUID]) -> None:
        """Records executions, and corrects those of all hosts: three for seven that it records."""
        for number in range(records):
            what, how = self._random.choice(WHAT), self._random.choice(HOW)
            given = {
                "outcome": self._random.choice(("success", "failure")),
                "model_tier": self._random.choice(("small", "large")),
                "approach": "first",
            }
            text = f"the {what} {how}, case {self._number}.{number}"
            self.recorded.append(await self.host.record(text, **given))
            known.append(self.recorded[-1])
            if self._random.random() < 3 / 7:
                task_id = self._random.choice(known)
                await until(partial(self._has_corrected, task_id, f"{self._number}.{number}"))

    async def _has_corrected(self, task_id: UUID, approach: str) -> bool:
        """Corrects an execution if it has come here."""
        try:
            await self.host.revise(task_id, approach=approach)
        except NotFound:
            return False
        self.corrected[task_id] = approach
        return True


@asynccontextmanager
async def workers(
    server: PostgresServer, database: str, directory: Path, seed: int
) -> AsyncIterator[list[Worker]]:
    """Hosts that run, each behind a slow way."""
    async with AsyncExitStack() as stack:
        made = []
        for number in range(HOSTS):
            sockets = server.directory / f"way{number}"
            sockets.mkdir()
            link = Link(server, sockets, seed=seed + number, delay=DELAY)
            await stack.enter_async_context(link.opened())
            url = link.url(database, "ada")
            at = directory / str(number)
            (host,) = await stack.enter_async_context(
                hosts(server, database, at, "ada", team_url=url)
            )
            made.append(Worker(host, number, seed))
        group = await stack.enter_async_context(anyio.create_task_group())
        for worker in made:
            group.start_soon(worker.host.service.run)
        yield made
        group.cancel_scope.cancel()


async def has_all(server: PostgresServer, database: str, worker: Worker) -> bool:
    """Whether a host has sent all that it has, and got all that the others have sent."""
    health = await worker.host.service.health()
    last = "SELECT change FROM mcpl.teams"
    ((change,),) = await anyio.to_thread.run_sync(server.execute, database, last)
    assert health.team is not None
    return not health.team.waiting and not health.pending and health.team.known == change


async def approaches(host: Host) -> dict[UUID, str]:
    """The approach of all executions that a host has."""
    found: dict[UUID, str] = {}
    page = await host.service.export_page(ExportPage())
    while page.rows:
        found |= {UUID(str(one["task_id"])): one["approach"] for one in page.rows}
        page = await host.service.export_page(ExportPage(after=page.last))
    return found


async def test_eight_hosts_that_work_at_once_have_the_same_and_answer_the_same(
    server: PostgresServer,
    database: str,
    tmp_path: Path,
    pytestconfig: pytest.Config,
    tell: Callable[[str], None],
) -> None:
    await make_team(server, database, "ada")
    rows, seed = pytestconfig.getoption("--shared-rows"), pytestconfig.getoption("--seed")
    async with workers(server, database, tmp_path, seed) as made:
        known: list[UUID] = []
        async with anyio.create_task_group() as group:
            for worker in made:
                group.start_soon(worker.work, rows // HOSTS, known)
        for _ in range(2):  # vectors are the last to come, and make others' marks old again
            for worker in made:
                await until(partial(has_all, server, database, worker))
        query = "SELECT task_id, doc->>'approach' FROM mcpl.executions"
        stored = {UUID(str(one)): approach for one, approach in server.execute(database, query)}
        assert set(stored) == {one for worker in made for one in worker.recorded}
        for task_id, approach in stored.items():
            assert approach in {
                one.corrected[task_id] for one in made if task_id in one.corrected
            } or (approach == "first" and not any(task_id in one.corrected for one in made))
        answers = []
        for worker in made:
            assert await approaches(worker.host) == stored
            found = [await worker.host.found(question) for question in QUESTIONS]
            asked = [RecommendApproach(task_description=one, repo=REPO) for one in QUESTIONS[::8]]
            advice = [await worker.host.service.recommend(one) for one in asked]
            answers.append((found, [str(one.options) for one in advice]))
        for answer in answers:
            assert answer == answers[0]
        assert all(answers[0][0])
        updates = sum(len(worker.corrected) for worker in made)
        tell(f"{len(stored)} executions of 8 hosts, {updates} corrected, 40 answers the same")
