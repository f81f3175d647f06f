"""Hosts of a team: each has a data directory of its own, and a role on the team's PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from services import embedder, put_empty_database
from team.server import PostgresServer

from mcp_learning.errors import NotFound
from mcp_learning.models.corrections import ReviseExecution
from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    GetExecution,
    RecordExecution,
    SubmitFeedback,
)
from mcp_learning.models.results import Execution, ExecutionDetail
from mcp_learning.models.team import Exchanged, ExchangeWithTeam, TeamHealth
from mcp_learning.service.indexer import Indexer
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.team.access import access
from mcp_learning.team.postgres import schema, vectors
from mcp_learning.team.postgres.connection import connected
from mcp_learning.team.service import SharedLearning

REPO = "acme/shop"


def settings_of(
    server: PostgresServer, database: str, directory: Path, role: str, **given: Any
) -> Settings:
    """The settings of a host."""
    values = {"team": "shop", "team_repos": "acme/*", "team_url": server.url(database, role)}
    return Settings.load(data_dir=directory, **{**values, **given})


async def make_team(
    server: PostgresServer, database: str, *members: str, team: str = "shop"
) -> None:
    """Makes the schema and a team with these roles as members."""
    settings = settings_of(server, database, Path("unused"), "app", team=team)
    async with connected(access(settings)) as connection:
        await schema.upgrade(connection)
        made = await schema.add_team(connection, team)
        for member in members:
            await schema.add_member(connection, made, member, can_write=True)


async def search_by_meaning(server: PostgresServer, database: str) -> str | None:
    """Does what `team upgrade` does besides the schema; why it couldn't, or None."""
    settings = settings_of(server, database, Path("unused"), "app")
    async with connected(access(settings)) as connection:
        return await vectors.set_up(connection)


class Host:
    """A host that exchanges when it is told to."""

    def __init__(self, settings: Settings) -> None:
        put_empty_database(settings.data_dir)
        store = open_store(settings)
        self.service = SharedLearning(settings, store, Indexer(settings, store, embedder()))

    async def record(self, description: str, **given: Any) -> UUID:
        values = {"task_type": "bug_fix", "outcome": "success", "repo": REPO, **given}
        request = RecordExecution(task_description=description, **values)
        return (await self.service.record(request)).task_id

    async def exchange(self, **given: Any) -> Exchanged:
        return await self.service.exchange(ExchangeWithTeam(**given))

    async def revise(self, task_id: UUID, **fields: Any) -> None:
        await self.service.revise(ReviseExecution(task_id=task_id, **fields))

    async def judge(self, task_id: UUID, **given: Any) -> None:
        await self.service.feedback(SubmitFeedback(task_id=task_id, **given).identified())

    async def forget(self, *task_ids: UUID) -> None:
        await self.service.forget(ForgetExecutions(task_ids=list(task_ids), dry_run=False))

    async def detail(self, task_id: UUID) -> ExecutionDetail:
        return await self.service.get(GetExecution(task_id=task_id))

    async def execution(self, task_id: UUID) -> Execution:
        return (await self.detail(task_id)).execution

    async def knows(self, task_id: UUID) -> bool:
        try:
            await self.detail(task_id)
        except NotFound:
            return False
        return True

    async def rows(self) -> int:
        return (await self.service.health()).rows

    async def team(self) -> TeamHealth:
        found = (await self.service.health()).team
        assert found is not None
        return found

    async def found(self, description: str) -> list[UUID]:
        request = FindSimilarTasks(task_description=description, limit=10)
        return [match.task_id for match in (await self.service.find(request)).matches]


Pair = tuple[Host, Host]


async def exchange(*hosts: Host) -> None:
    """These hosts exchange one after the other."""
    for host in hosts:
        await host.exchange()


@asynccontextmanager
async def hosts(
    server: PostgresServer, database: str, directory: Path, *roles: str, **given: Any
) -> AsyncIterator[list[Host]]:
    """Hosts of one team, one for each role, which exchange when they are told to."""
    async with AsyncExitStack() as stack:
        made = []
        for number, role in enumerate(roles):
            settings = settings_of(server, database, directory / f"host{number}", role, **given)
            made.append(Host(settings))
            stack.push_async_callback(made[-1].service.close)
        yield made
