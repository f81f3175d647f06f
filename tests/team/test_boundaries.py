"""What keeps a team's rows to its members, and what is refused with which words."""

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from services import open_service
from team.hosts import Pair, exchange, hosts, make_team, settings_of
from team.server import PostgresServer

from mcp_learning.errors import ConfigurationError, TeamError
from mcp_learning.models.team import ExchangeWithTeam
from mcp_learning.settings import Settings
from mcp_learning.team import setup
from mcp_learning.team.access import access

pytestmark = pytest.mark.anyio

TABLES = ("teams", "members", "executions", "vectors", "feedback", "uses", "lessons", "servers")
PUSH = (
    "SELECT mcpl.push(%s, 1, 1, jsonb_build_object('patch', jsonb_build_array(jsonb_build_object("
    "'n', 1, 'task_id', gen_random_uuid(), 'at', now(), "
    "'doc', '{\"task_description\": \"planted\"}'::jsonb))))"
)
WRITES = (
    "INSERT INTO mcpl.executions (team, task_id, change, updated_at, doc) "
    "VALUES (%s, gen_random_uuid(), 10000, now(), '{}')",
    "UPDATE mcpl.executions SET doc = '{}' WHERE team = %s RETURNING 1",
    "DELETE FROM mcpl.feedback WHERE team = %s RETURNING 1",
    "UPDATE mcpl.teams SET change = 0 WHERE team = %s",
    "INSERT INTO mcpl.members VALUES (session_user, %s)",
    PUSH,
)


async def test_a_member_of_one_team_reads_and_writes_nothing_of_another(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    await make_team(server, database, "eve", team="theirs")
    async with hosts(server, database, tmp_path, "ada") as (first,):
        await first.record("a secret of the shop")
        await first.service.ready()
        await first.exchange()
    ((team,),) = server.execute(database, "SELECT team FROM mcpl.teams WHERE name = 'shop'")
    server.execute(database, f"SELECT mcpl.read_in('{team}', 100)")
    asked = "SELECT mcpl.frequencies_of(%s, '{secret}')"
    with psycopg.connect(server.url(database, "ada"), autocommit=True) as ada:
        assert ada.execute(asked.encode(), [team]).fetchall() == [([1],)]
    with psycopg.connect(server.url(database, "eve"), autocommit=True) as eve:
        assert eve.execute(asked.encode(), [team]).fetchall() == [([],)]
        for table in TABLES:
            rows = eve.execute(f"SELECT * FROM mcpl.{table} WHERE team = %s".encode(), [team])
            assert rows.fetchall() == [], table
        for write in WRITES:
            try:
                changed = eve.execute(write.encode(), [team])
            except psycopg.errors.InsufficientPrivilege:
                continue
            assert changed.fetchall() == [], write
    stored = server.execute(database, "SELECT doc->>'task_description' FROM mcpl.executions")
    assert stored == [("a secret of the shop",)]
    settings = settings_of(server, database, tmp_path, "eve")
    with pytest.raises(TeamError, match="is not a member"):
        await setup.remote_state(settings)


async def test_a_row_that_is_private_is_its_author_s_alone(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    await first.record("a task of ada alone")
    await first.service.ready()
    await first.exchange()
    server.execute(database, "UPDATE mcpl.executions SET visibility = 'private'")
    assert (await second.exchange()).pulled == 0
    with psycopg.connect(server.url(database, "ben")) as ben:
        assert ben.execute("SELECT * FROM mcpl.vectors").fetchall() == []
    with psycopg.connect(server.url(database, "ada")) as ada:
        assert len(ada.execute("SELECT * FROM mcpl.vectors").fetchall()) == 1


async def test_a_change_to_what_became_somebody_else_s_alone_keeps_nothing_else_back(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    task_id = await first.record("a task of ada", approach="hers")
    await exchange(first, second)
    server.execute(database, "UPDATE mcpl.executions SET visibility = 'private'")
    await second.revise(task_id, approach="not hers")
    own = await second.record("translate the invoice")
    await exchange(second, first)
    assert (await first.execution(task_id)).approach == "hers"
    assert (await first.execution(own)).author == "ben"
    assert (await second.team()).waiting == 0


async def test_who_may_only_read_reads_and_is_told_why_nothing_is_sent(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    await setup.set_up(settings_of(server, database, tmp_path, "app"), [], ["ben"])
    async with hosts(server, database, tmp_path, "ada", "ben") as (first, second):
        await first.record("repair the login")
        await first.exchange()
        own = await second.record("translate the invoice")
        with pytest.raises(TeamError, match="may not write"):
            await second.exchange()
        health = await second.service.health()
        assert health.team is not None
        assert (health.rows, health.team.waiting) == (2, 1)
        server.execute(database, "UPDATE mcpl.members SET can_write = true")
        await exchange(second, first)
        assert (await first.execution(own)).author == "ben"


RAISED = """
CREATE FUNCTION mcpl.raised() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.min_client := 1000; RETURN NEW; END $$;
CREATE TRIGGER raised BEFORE UPDATE ON mcpl.teams FOR EACH ROW EXECUTE FUNCTION mcpl.raised();
"""


async def test_a_version_that_is_too_old_reads_and_is_told(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    first, second = pair
    await first.record("repair the login")
    await first.exchange()
    server.execute(database, "UPDATE mcpl.teams SET min_client = 1000")
    assert (await second.exchange()).pulled == 1
    own = await second.record("translate the invoice")
    with pytest.raises(TeamError, match="requires a newer mcp-learning to write; update it"):
        await second.exchange()
    server.execute(database, "UPDATE mcpl.teams SET min_client = 1")
    await first.record("speed up the export")
    await first.exchange()
    server.execute(database, RAISED)  # between the question whether it may write and the write
    with pytest.raises(TeamError, match="requires a newer mcp-learning"):
        await second.exchange()
    assert await second.rows() == 3  # it has read
    server.execute(database, "DROP TRIGGER raised ON mcpl.teams")
    await exchange(second, first)
    assert (await first.execution(own)).author == "ben"


async def test_a_server_that_can_t_be_written_is_refused_as_a_replica(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    settings = settings_of(server, database, tmp_path, "ada")
    server.execute("postgres", f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with pytest.raises(TeamError, match="name the primary"):
        await setup.remote_state(settings)


async def test_a_value_that_the_store_can_t_hold_keeps_nothing_else_back(
    pair: Pair, server: PostgresServer, database: str
) -> None:
    server.execute(
        database, 'ALTER TABLE mcpl.executions ADD CHECK (NOT doc @> \'{"approach": "poison"}\')'
    )
    first, second = pair
    for number in range(5):
        approach = "poison" if number == 2 else "plain"
        await first.record(f"mend the cart, part {number}", approach=approach)
    long = "a long one\x00 ".ljust(20_000, "x")
    task_id = await first.record(long)
    await first.exchange()
    assert (await second.exchange()).pulled == 5
    text = (await second.execution(task_id)).task_description
    assert text == long.replace("\x00", "") == (await first.execution(task_id)).task_description
    assert (await first.team()).waiting == 0


SCHEMAS = {
    "has no team's store": "DROP SCHEMA mcpl CASCADE",
    "belongs to another program": "COMMENT ON SCHEMA mcpl IS 'a shop'",
    "not whole": "DROP TABLE mcpl.uses",
    "versions are missing": "DELETE FROM mcpl.schema_version WHERE version = 1",
    "owner runs `mcp-learning team upgrade`": "DELETE FROM mcpl.schema_version WHERE version > 1",
    "update mcp-learning": "INSERT INTO mcpl.schema_version "
    "SELECT max(version) + 1, 'later', now(), now() FROM mcpl.schema_version",
    "lacks rights": "REVOKE ALL ON mcpl.executions FROM mcpl_member",
}


@pytest.mark.parametrize("words", SCHEMAS)
async def test_a_schema_that_doesn_t_fit_is_refused_and_work_goes_on_here(
    server: PostgresServer, database: str, tmp_path: Path, words: str
) -> None:
    await make_team(server, database, "ada")
    server.execute(database, SCHEMAS[words])
    async with hosts(server, database, tmp_path, "ada") as (host,):
        task_id = await host.record("repair the login")
        with pytest.raises(TeamError, match=words):
            await host.exchange()
        assert await host.found("repair the login") == [task_id]


async def test_an_upgrade_of_a_newer_schema_changes_nothing(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    server.execute(database, SCHEMAS["update mcp-learning"])
    with pytest.raises(TeamError, match="nothing was changed"):
        await setup.upgrade(settings_of(server, database, tmp_path, "app"), contract=False)


async def test_an_upgrade_of_what_somebody_has_upgraded_by_half_changes_nothing_and_says_so(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    server.execute(database, SCHEMAS["owner runs `mcp-learning team upgrade`"])
    with pytest.raises(TeamError, match="restore it from a backup"):
        await setup.upgrade(settings_of(server, database, tmp_path, "app"), contract=False)
    assert server.execute(database, "SELECT version FROM mcpl.schema_version") == [(1,)]


ADDRESSES = {
    "refused the password": "postgresql://locked:wrong-sesame@/{database}?host={socket}",
    "no such role": "postgresql://nobody:hidden@/{database}?host={socket}",
    "no such database": "postgresql://ada:hidden@/nowhere?host={socket}",
    "no connections left": "postgresql://crowd:hidden@/{database}?host={socket}",
    "can't be reached": "postgresql://ada:hidden@/{database}?host={socket}/elsewhere",
    "no host of that name": "postgresql://ada:hidden@no.such.host.invalid/{database}",
    "can't be read": "ada hidden {database}",
    "sslmode=require": "postgresql://ada:hidden@192.0.2.1/{database}?sslmode=require",
    "file that it names": "/no/such/file/hidden",
}


@pytest.mark.parametrize("words", ADDRESSES)
async def test_a_wrong_address_is_refused_by_what_is_wrong_and_never_shown(
    server: PostgresServer, database: str, tmp_path: Path, words: str
) -> None:
    await make_team(server, database, "ada")
    url = ADDRESSES[words].format(database=database, socket=server.directory)
    settings = settings_of(server, database, tmp_path, "ada", team_url=url)
    with pytest.raises((TeamError, ConfigurationError), match=words) as raised:
        await setup.remote_state(settings)
    assert not {"hidden", "sesame", database, "192.0.2.1"} & set(str(raised.value).split())
    for told in (str(raised.value), repr(settings), repr(raised.value.__cause__)):
        assert "hidden" not in told
        assert "sesame" not in told


def test_a_server_elsewhere_has_to_prove_itself(tmp_path: Path) -> None:
    def parameters(url: str) -> dict[str, str | int]:
        return access(Settings.load(data_dir=tmp_path, team="shop", team_url=url)).parameters

    assert parameters("postgresql://db.example.org/x")["sslmode"] == "verify-full"
    assert parameters("host=localhost,db.example.org dbname=x")["sslmode"] == "verify-full"
    assert parameters("service=elsewhere")["sslmode"] == "verify-full"
    for here in ("postgresql://localhost/x", "host=/run/x", "host=127.0.0.1,::1", "dbname=x"):
        assert "sslmode" not in parameters(here)
    with pytest.raises(ConfigurationError, match="verify-full"):
        parameters("host=localhost hostaddr=192.0.2.1 sslmode=prefer")


def test_the_address_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "address"
    file.write_text("postgresql://ada@localhost/learning\n")
    settings = Settings.load(data_dir=tmp_path, team="shop", team_url=str(file))
    assert access(settings).parameters["dbname"] == "learning"


def test_an_address_without_a_team_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MCP_LEARNING_TEAM: "):
        Settings.load(data_dir=tmp_path, team_url="dbname=x")


async def test_a_database_of_one_team_joins_no_other_before_it_leaves(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    await make_team(server, database, "ada")
    await make_team(server, database, "ada", team="other")
    async with hosts(server, database, tmp_path, "ada") as (host,):
        await host.record("repair the login")
        await host.exchange()
    async with hosts(server, database, tmp_path, "ada", team="other") as (host,):
        with pytest.raises(TeamError, match="team leave"):
            await host.exchange()
        assert (await host.service.leave_team()).team == "shop"
        assert (await host.exchange(fill=True)).pulled == 0


async def test_without_a_team_there_is_nobody_to_exchange_with(tmp_path: Path) -> None:
    service = open_service(Settings.load(data_dir=tmp_path))
    with pytest.raises(ConfigurationError, match="MCP_LEARNING_TEAM"):
        await service.exchange(ExchangeWithTeam())
    await service.close()


def test_without_a_team_the_client_of_postgresql_is_not_imported() -> None:
    code = (
        "import sys, mcp_learning.cli.app, mcp_learning.server.app, mcp_learning.service.learning\n"
        "import mcp_learning.team.members, mcp_learning.web.app\n"
        "sys.exit(' '.join(name for name in sys.modules if 'psycopg' in name) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
