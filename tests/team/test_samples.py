"""The samples in config/team: what they make is enough for a team, and open to nobody else."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from team.hosts import hosts, settings_of
from team.server import PostgresServer

from mcp_learning.team import setup

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parents[2] / "config" / "team"


@pytest.fixture
def made_by_roles(server: PostgresServer) -> Iterator[PostgresServer]:
    """A server with what roles.sql makes; `server` says whether there is any."""
    own = PostgresServer()
    try:
        own.start()
        own.execute("postgres", "CREATE DATABASE learning")
        own.execute("learning", (SAMPLES / "roles.sql").read_text(encoding="utf-8"))
        yield own
    finally:
        own.remove()


async def test_roles_of_the_sample_are_enough_for_a_team(
    made_by_roles: PostgresServer, tmp_path: Path
) -> None:
    as_owner = settings_of(made_by_roles, "learning", tmp_path, "owner")
    made = await setup.set_up(as_owner, ["ada", "ben"], ["dashboard"])
    assert (made.writers, made.readers) == (["ada", "ben"], ["dashboard"])
    names = ("ada", "ben", "dashboard")
    async with hosts(made_by_roles, "learning", tmp_path, *names) as (first, second, reader):
        task_id = await first.record("mend the cart")
        await first.exchange()
        for other in (second, reader):
            await other.exchange()
            assert (await other.execution(task_id)).author == "ada"
    with (
        psycopg.connect(made_by_roles.url("learning", "ada")) as ada,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        ada.execute("CREATE TABLE mcpl.more (id int)")


def test_the_sample_of_a_server_listens_on_the_loopback_interface_alone() -> None:
    sample = (SAMPLES / "compose.yaml").read_text(encoding="utf-8")
    lines = [line.strip() for line in sample.splitlines()]
    assert [line for line in lines if line.endswith(':5432"')] == ['- "127.0.0.1:5432:5432"']
    assert not [line for line in lines if line.startswith("POSTGRES_PASSWORD:")]


def test_the_recipe_for_citus_spreads_every_table_that_there_is() -> None:
    recipe = (SAMPLES / "citus.sql").read_text(encoding="utf-8")
    migrations = Path(setup.__file__).parent / "postgres" / "migrations"
    tables = {
        line.split()[2]
        for file in migrations.glob("*.sql")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("CREATE TABLE")
    }
    assert {name for name in tables if f"_table('{name}'" not in recipe} == {"mcpl.schema_version"}
    assert recipe.startswith("-- NOT RUN")
