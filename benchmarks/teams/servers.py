"""A PostgreSQL with teams, and hosts in them: servers of the product, over stdio."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
from team.server import PostgresServer, binaries

from benchmarks.mcp_client import Connection, MeasurementFailed, spawn
from mcp_learning.environment import PREFIX
from mcp_learning.server import sandbox
from mcp_learning.settings import Settings
from mcp_learning.team.setup import set_up

REPO = "acme/shop"
WRITERS = 16
ROLES = ("ada", "ben")
TEAMS = tuple(f"team{number}" for number in range(WRITERS))


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server on a socket, whose commits are durable, with all `TEAMS` in the database `teams`.

    Raises:
        MeasurementFailed: None is installed.
    """
    if binaries() is None:
        raise MeasurementFailed("no PostgreSQL is installed: Debian's package postgresql has one")
    server = PostgresServer()
    try:
        server.start("-c fsync=on -c max_connections=100")
        server.execute("postgres", *(f"CREATE ROLE {role} LOGIN" for role in ROLES))
        server.execute("postgres", "CREATE DATABASE teams")
        for team in TEAMS:
            anyio.run(set_up, settings(server, "app", team), ROLES, ())
        yield server
    finally:
        server.remove()


def settings(
    server: PostgresServer, role: str, team: str, data_dir: Path = Path("unused")
) -> Settings:
    """Of a host."""
    return Settings.load(
        data_dir=data_dir, team=team, team_repos=REPO, team_url=server.url("teams", role)
    )


@contextmanager
def host(data_dir: Path, url: str | None, team: str = TEAMS[0]) -> Iterator[Connection]:
    """A server of the product, over stdio; without an address one that is in no team."""
    environment = sandbox.environment(data_dir)
    if url is not None:
        given = {"TEAM": team, "TEAM_URL": url, "TEAM_REPOS": REPO}
        environment |= {f"{PREFIX}{name}": value for name, value in given.items()}
    with spawn(sandbox.COMMAND, environment=environment) as connection:
        connection.call("find_similar_tasks", {"task_description": "anything"})  # all is loaded
        yield connection
