"""A host that holds everything and one that holds a part; they exchange when told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from team.hosts import Host, hosts, make_team
from team.server import PostgresServer

from mcp_learning.models.requests import FindSimilarTasks
from mcp_learning.models.results import SimilarTasks

TASKS = (
    "repair the login redirect of the storefront",
    "speed up the nightly export of invoices",
    "translate the terms of delivery into Danish",
)


@asynccontextmanager
async def two(
    server: PostgresServer, database: str, directory: Path, **given: Any
) -> AsyncIterator[tuple[Host, Host]]:
    """A host that holds everything, and one that holds nothing but what it fetched."""
    await make_team(server, database, "ada", "ben")
    values = {"team_replica": "none", **given}
    async with (
        hosts(server, database, directory / "whole", "ada") as (whole,),
        hosts(server, database, directory / "part", "ben", **values) as (part,),
    ):
        yield whole, part


async def share(whole: Host, part: Host) -> None:
    await whole.service.ready()
    await whole.exchange()
    await part.exchange()


async def find(host: Host, text: str, **given: Any) -> SimilarTasks:
    return await host.service.find(FindSimilarTasks(task_description=text, **given))


def ids_of(answer: SimilarTasks) -> list[UUID]:
    return [match.task_id for match in answer.matches]


def similarities(answer: SimilarTasks) -> dict[UUID, float]:
    return {match.task_id: match.similarity for match in answer.matches}
