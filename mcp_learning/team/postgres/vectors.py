"""Sets up pgvector in the team's store, for hosts that don't hold all of it."""

import re
from importlib.resources import files

import psycopg
from psycopg import sql

from mcp_learning.team.postgres.connection import Connection, fetch

OLDEST = (0, 8, 4)
"""Oldest version of pgvector that is used; earlier ones can corrupt the index."""

_BATCH = 2_000
_MANY_NEW = """
SELECT count(*) > greatest(1000, (SELECT count(*) / 2 FROM mcpl.near)) FROM mcpl.vectors v
WHERE v.change > coalesce((
    SELECT m.change FROM mcpl.read_in_marks m WHERE m.team = v.team AND m.name = 'vectors'
), 0)
"""
_INDEX = "CREATE INDEX IF NOT EXISTS near_by_meaning ON mcpl.near USING hnsw (embedding {}.{})"


async def set_up(connection: Connection) -> str | None:
    """Makes searches by meaning possible, and brings the search tables up to date.

    The connection is of the schema's owner, and outside of a transaction.

    Returns:
        Why searches by meaning aren't possible; None if they are.
    """
    why = await _extension(connection)
    if why is None:
        await _apply(connection)
        if (await fetch(connection, _MANY_NEW))[0][0]:  # then rebuilding takes less time
            await connection.execute("DROP INDEX IF EXISTS mcpl.near_by_meaning")
    for (team,) in await fetch(connection, "SELECT team FROM mcpl.teams"):
        for function in ("mcpl.read_in", "mcpl.read_vectors_in"):
            while (await fetch(connection, f"SELECT {function}(%s, %s)", [team, _BATCH]))[0][0]:
                pass
    if why is None:
        where = sql.Identifier(await _schema(connection))
        await connection.execute(sql.SQL(_INDEX).format(where, sql.Identifier("halfvec_ip_ops")))
        await connection.execute("ANALYZE mcpl.near")
    await connection.execute("ANALYZE mcpl.searched")
    return why


async def _extension(connection: Connection) -> str | None:
    """Installs pgvector if it is missing; returns why it can't be used, or None."""
    found = await fetch(
        connection,
        "SELECT coalesce(installed_version, default_version), installed_version IS NULL "
        "FROM pg_available_extensions WHERE name = 'vector'",
    )
    if not found:
        return "the server has no pgvector"
    version, missing = found[0]
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < OLDEST:
        return f"its pgvector is of version {version}; {'.'.join(map(str, OLDEST))} is needed"
    if missing:
        try:
            await connection.execute("CREATE EXTENSION vector")
        except psycopg.errors.InsufficientPrivilege:
            return "this role may not install pgvector; a superuser runs CREATE EXTENSION vector"
    return None


async def _apply(connection: Connection) -> None:
    text = (files("mcp_learning.team.postgres") / "vector.sql").read_text(encoding="utf-8")
    name = sql.Identifier(await _schema(connection)).as_string(connection)
    async with connection.transaction():
        await connection.execute(re.sub(r"\bSCHEMA\.", lambda _: f"{name}.", text).encode())


async def _schema(connection: Connection) -> str:
    """Name of the schema in which pgvector is installed."""
    ((name,),) = await fetch(
        connection,
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'vector'",
    )
    return str(name)
