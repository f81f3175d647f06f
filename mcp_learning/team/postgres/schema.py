"""Creates, checks and upgrades the schema `mcpl` of a team's store.

A new version is added before anything of an old one is removed (expand, then contract), so that
hosts may be updated one after the other. `NNNN_name.sql` adds; once all hosts know that version,
`NNNN_name.contract.sql`, if it exists, removes. Only `upgrade` applies them, under a lock, each in
one transaction with its record; opening a store never changes it.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from uuid import UUID

from psycopg import sql

from mcp_learning.errors import TeamError
from mcp_learning.team.postgres.connection import Connection, fetch

CLIENT = 1
"""Compared with `teams.min_client`; increased when older hosts would write wrong data."""

GROUP = "mcpl_member"
"""Group role of all members, which has the rights on the tables."""

_LOCK = 6_502_771_033_187_214_593
_TABLES = (
    *("schema_version", "teams", "members", "executions", "vectors", "feedback", "uses"),
    *("lessons", "servers"),
)


class SchemaVersion(NamedTuple):
    """One version of the schema.

    Attributes:
        version: Its number: 1, 2, …
        name: Its name, from the file's name.
        adds: Statements that add what this version needs.
        removes: Statements that remove what only earlier versions needed; may be empty.
    """

    version: int
    name: str
    adds: str
    removes: str


class State(NamedTuple):
    """The versions of a schema.

    Attributes:
        version: The newest version that was added; 0 without a schema.
        contracted: The newest version that hosts have to know to read.
    """

    version: int
    contracted: int


@cache
def known() -> tuple[SchemaVersion, ...]:
    """All versions that this package knows, in order."""
    folder = files("mcp_learning.team.postgres") / "migrations"
    texts = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir()}
    found = (
        SchemaVersion(
            int(match[1]), match[2], text, texts.get(f"{match[1]}_{match[2]}.contract.sql", "")
        )
        for name, text in texts.items()
        if (match := re.fullmatch(r"(\d{4})_(\w+)\.sql", name))
    )
    return tuple(sorted(found))


async def state(connection: Connection) -> State:
    """The versions of the schema in a database.

    Raises:
        TeamError: The schema is of another program, or incomplete.
    """
    found = await fetch(
        connection,
        "SELECT c.relname, obj_description(n.oid, 'pg_namespace') FROM pg_namespace n "
        "LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') "
        "WHERE n.nspname = 'mcpl'",
    )
    if not found:
        return State(0, 0)
    if not str(found[0][1] or "").startswith("mcp-learning"):
        raise TeamError("the schema mcpl there belongs to another program; use another database")
    if missing := set(_TABLES) - {name for name, _ in found}:
        raise _incomplete(f"it lacks {', '.join(sorted(missing))}")
    versions = await fetch(
        connection,
        "SELECT version, contracted_at IS NOT NULL FROM mcpl.schema_version ORDER BY version",
    )
    if [version for version, _ in versions] != list(range(1, len(versions) + 1)) or not versions:
        raise _incomplete("versions are missing")
    return State(len(versions), max((v for v, done in versions if done), default=0))


def _incomplete(why: str) -> TeamError:
    return TeamError(
        f"the team's store is not whole ({why}); restore it from a backup, or have its owner drop "
        "the schema mcpl and run `mcp-learning team init`"
    )


async def check(connection: Connection) -> State:
    """The versions of the schema, if this package can use it. Only reads.

    Raises:
        TeamError: It can't be used; says what to do.
    """
    now, newest = await state(connection), known()[-1].version
    if not now.version:
        raise TeamError("the database has no team's store: run `mcp-learning team init` once")
    if now.contracted > newest:
        raise TeamError(
            f"the team's store has version {now.contracted}, this mcp-learning knows {newest}; "
            "update mcp-learning"
        )
    if now.version < newest:
        raise TeamError(
            f"the team's store has version {now.version}, this mcp-learning needs {newest}: its "
            "owner runs `mcp-learning team upgrade`"
        )
    return now


async def upgrade(connection: Connection, *, contract: bool = False) -> State:
    """Adds the versions that a schema lacks, all or none; creates it if there is none.

    Args:
        connection: A connection of a role that owns the schema, or may create schemas and roles.
        contract: Whether to also remove what only earlier versions of the package need.

    Raises:
        TeamError: The schema is newer, incomplete or of another program, or rights are missing.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        now = await state(connection)
        if now.version > known()[-1].version:
            raise TeamError(
                f"the team's store has version {now.version}, which this mcp-learning doesn't "
                "know; update mcp-learning (nothing was changed)"
            )
        await _make_group(connection)
        for one in known()[now.version :]:
            await connection.execute(sql.SQL(one.adds))
            await connection.execute(
                "INSERT INTO mcpl.schema_version (version, name) VALUES (%s, %s)",
                [one.version, one.name],
            )
        if contract:
            await _contract(connection, known()[now.contracted :])
    return await state(connection)


async def _contract(connection: Connection, versions: Sequence[SchemaVersion]) -> None:
    for one in versions:
        if one.removes:
            await connection.execute(sql.SQL(one.removes))
        await connection.execute(
            "UPDATE mcpl.schema_version SET contracted_at = now() WHERE version = %s", [one.version]
        )


async def _make_group(connection: Connection) -> None:
    if not await fetch(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", [GROUP]):
        await connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(GROUP)))


async def add_team(connection: Connection, name: str) -> UUID:
    """Creates a team unless there is one of that name; returns its id."""
    await connection.execute(
        "INSERT INTO mcpl.teams (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", [name]
    )
    rows = await fetch(connection, "SELECT team FROM mcpl.teams WHERE name = %s", [name])
    if not rows:
        raise TeamError(f"the team {name} can't be seen by this role; its owner runs this command")
    team: UUID = rows[0][0]
    return team


async def add_member(
    connection: Connection, team: UUID, role: str | None, *, can_write: bool
) -> str:
    """Makes a role a member of a team; returns its name.

    Args:
        connection: A connection of the schema's owner.
        team: Id of the team.
        role: A role that can log in; None: that of the connection.
        can_write: Whether it may also write.

    Raises:
        TeamError: There is no such role.
    """
    query = "SELECT rolname FROM pg_roles WHERE rolname = coalesce(%s, session_user)"
    if not (rows := await fetch(connection, query, [role])):
        raise TeamError(
            f"--member {role}: the server has no such role; make it with CREATE ROLE … LOGIN"
        )
    name = str(rows[0][0])
    await connection.execute(
        "INSERT INTO mcpl.members (member, team, can_write) VALUES (%s, %s, %s) "
        "ON CONFLICT (member, team) DO UPDATE SET can_write = excluded.can_write",
        [name, team, can_write],
    )
    ((has,),) = await fetch(connection, "SELECT pg_has_role(%s, %s, 'USAGE')", [name, GROUP])
    if not has:
        await connection.execute(
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(GROUP), sql.Identifier(name))
        )
    return name
