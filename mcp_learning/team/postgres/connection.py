"""Opens connections to the team's PostgreSQL, and explains its errors.

No message of libpq or the server is shown, since it may contain the address, a name, or SQL.
"""

import logging
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import anyio
import psycopg

from mcp_learning.errors import TeamError, TeamRefused, TeamUnreachable
from mcp_learning.team.access import CONNECT_SECONDS, URL, Access

logger = logging.getLogger(__name__)

OLDEST_SERVER = 15

Connection = psycopg.AsyncConnection[tuple[object, ...]]

_READ_ONLY = "read-only|hot standby"
_REFUSED: tuple[tuple[str, LiteralString], ...] = (
    ("password authentication failed|no password supplied", "the server refused the password"),
    (r'role "[^"]*" does not exist', "the server has no such role"),
    (r'database "[^"]*" does not exist', "the server has no such database"),
    ("could not translate host name|resolve host", "there is no host of that name"),
    (
        "certificate verify failed|root certificate file|does not match host name",
        "the server's certificate isn't trusted; name its authority with sslrootcert=FILE",
    ),
    ("does not support SSL", "the server has no TLS, which is required except on this machine"),
    (_READ_ONLY, "the server is a replica or read-only; name the primary, or all hosts: host=a,b"),
    (
        "too many (clients|connections)|remaining connection slots",
        "the server has no connections left for this role: raise max_connections there, or the "
        "role's limit, or put PgBouncer before it",
    ),
    ("no pg_hba.conf entry|not permitted to log in", "the server doesn't let this role log in"),
    ("service .*not found|service file", "there is no such service in libpq's service file"),
)
"""Messages of libpq for failed connections that waiting doesn't repair, with explanations."""

_INIT = "ask the owner of the team's store to run `mcp-learning team init` or `team upgrade`"
TOO_OLD = "the team requires a newer mcp-learning to write; update it"
_WAITS = "until then local changes wait"
_GONE = "the team's server can't be reached, or has ended the connection"
_BY_STATE: tuple[tuple[tuple[str, ...], type[TeamError], str], ...] = (
    (("MCPL1",), TeamError, f"{TOO_OLD}; {_WAITS}"),
    (
        ("42501",),
        TeamError,
        f"{URL}: its role lacks rights on the team's store; {_INIT} with --member ROLE",
    ),
    (
        ("3F000", "42P01", "42883", "42703"),
        TeamError,
        f"the team's store isn't complete there; {_INIT}",
    ),
    (
        ("42P06", "42P07", "42701", "42710", "42723"),
        TeamError,
        "the team's store has a part of what is to be added; restore it from a backup, and run "
        "`mcp-learning team upgrade` again",
    ),
    (
        ("25006", "55000"),
        TeamUnreachable,
        "the team's server is a replica, or read-only for the moment",
    ),
    (
        ("531",),
        TeamUnreachable,
        f"the disk of the team's server is full: ask its administrator to free some; {_WAITS}",
    ),
    (
        ("53",),
        TeamUnreachable,
        "the team's server has no memory or connections left: raise max_connections there, or put "
        "PgBouncer before it",
    ),
    (("22", "23", "54"), TeamRefused, "the team's store can't hold a value"),
    (("08", "40", "57"), TeamUnreachable, _GONE),
)
"""Errors of the server by the beginning of their SQLSTATE."""

_ROW_SECURITY = "ExecWithCheckOptions"
"""PostgreSQL's function that refuses a row by a policy; the SQLSTATE is that of missing rights."""


@asynccontextmanager
async def connected(access: Access) -> AsyncIterator[Connection]:
    """A connection that commits each statement, closed at the end.

    Raises:
        TeamError: It can't be opened, or a query in the context fails.
    """
    connection = await connect(access)
    try:
        async with translated_errors():
            yield connection
    finally:
        await close(connection)


async def connect(access: Access) -> Connection:
    """Opens a connection that commits each statement, to a server that accepts writes.

    Statements are never prepared, since a pooler may give each transaction another connection.

    Raises:
        TeamError: It can't be opened; says why.
    """
    async with translated_errors(access.servers):
        with anyio.fail_after((access.servers + 1) * CONNECT_SECONDS):
            connection: Connection = await psycopg.AsyncConnection.connect(
                autocommit=True,
                prepare_threshold=None,
                **access.parameters,  # type: ignore[arg-type]  # libpq's, by name
            )
    if (version := connection.info.server_version // 10_000) < OLDEST_SERVER:
        await close(connection)
        raise TeamError(
            f"{URL}: the server is PostgreSQL {version}; {OLDEST_SERVER} or newer is needed"
        )
    return connection


def is_open(connection: Connection) -> bool:
    """Whether an idle connection is still open; doesn't block."""
    try:
        connection.pgconn.consume_input()  # reads the server's last message
        connection.pgconn.consume_input()  # fails if the connection has ended
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == psycopg.pq.ConnStatus.OK


async def close(connection: Connection) -> None:
    """Closes a connection, even one that hangs."""
    with anyio.move_on_after(CONNECT_SECONDS, shield=True):
        await connection.close()


async def fetch(
    connection: Connection, query: str, values: Sequence[object] | Mapping[str, object] = ()
) -> list[Any]:
    """All rows of a query, with bound values."""
    async with connection.cursor(binary=True) as cursor:  # for vectors, which are long as text
        await cursor.execute(query.encode(), values)
        return await cursor.fetchall()


@asynccontextmanager
async def translated_errors(servers: int = 1) -> AsyncIterator[None]:
    """Turns errors of the connection and the server into those of this package.

    Args:
        servers: Number of servers that were tried for one that accepts writes.

    Raises:
        TeamUnreachable: The server doesn't answer, or has ended the connection; retry later.
        TeamRefused: A value is refused.
        TeamError: The setup has to be changed.
    """
    try:
        yield
    except TimeoutError:
        raise TeamUnreachable("the team's server doesn't answer in time") from None
    except psycopg.Error as error:
        logger.debug("the team's server: %s %s", type(error).__name__, error.sqlstate)
        raise _explained(error, servers) from None


def _explained(error: psycopg.Error, servers: int) -> TeamError:
    state = error.sqlstate or ""
    if not state or state[:2] in ("28", "3D"):
        text = str(error)
        for pattern, meaning in _REFUSED:
            if re.search(pattern, text):
                if pattern is _READ_ONLY and servers > 1:  # a failover may be under way
                    return TeamUnreachable("none of the team's servers can be written now")
                return TeamError(f"{URL}: {meaning}")
    if not state:
        return TeamUnreachable(_GONE)
    if error.diag.source_function == _ROW_SECURITY:
        return TeamRefused("it belongs to somebody who keeps it private")
    for begins, kind, meaning in _BY_STATE:
        if state.startswith(begins):
            return kind(meaning)
    return TeamError(f"the team's store refused an operation (SQLSTATE {state})")
