"""Fixtures for a team's store: one PostgreSQL for all tests of a process, a database for each."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
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
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints a line with figures: what long forms are run for."""

    def told(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201

    return told
