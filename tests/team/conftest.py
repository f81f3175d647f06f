"""Fixtures for a team's store: one PostgreSQL for all tests of a process, a database for each."""

from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from team.hosts import Pair, hosts, make_team
from team.partial import two
from team.server import PostgresServer, binaries
from team.vectors import VectorServer

_numbers = count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    if binaries() is None:
        pytest.skip("no PostgreSQL is installed: Debian's package postgresql has one")
    made = PostgresServer()
    made.start()
    made.execute(
        "postgres",
        *(f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben", "eve")),
        "CREATE ROLE crowd LOGIN CONNECTION LIMIT 0",
        "CREATE ROLE locked LOGIN PASSWORD 'open-sesame'",
    )
    yield made
    made.remove()


@pytest.fixture(scope="session")
def vector_server() -> Iterator[PostgresServer]:
    """A server that has pgvector."""
    made = VectorServer()
    made.start()
    made.execute("postgres", *(f"CREATE ROLE {role} LOGIN" for role in ("ada", "ben", "eve")))
    yield made
    made.remove()


@pytest.fixture
def vector_database(vector_server: PostgresServer) -> str:
    """The name of an empty database on it."""
    name = f"team_{next(_numbers)}"
    vector_server.execute("postgres", f"CREATE DATABASE {name}")
    return name


@pytest.fixture
def database(server: PostgresServer) -> str:
    """The name of an empty database."""
    name = f"team_{next(_numbers)}"
    server.execute("postgres", f"CREATE DATABASE {name}")
    return name


@pytest.fixture
async def pair(server: PostgresServer, database: str, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two hosts of one team, ada's and ben's, which exchange when they are told to."""
    await make_team(server, database, "ada", "ben")
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        yield first, second


@pytest.fixture
async def whole_and_part(
    server: PostgresServer, database: str, tmp_path: Path
) -> AsyncIterator[Pair]:
    """As `partial.two`."""
    async with two(server, database, tmp_path) as both:
        yield both


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line with figures: what long forms are run for."""

    def told(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201

    return told
