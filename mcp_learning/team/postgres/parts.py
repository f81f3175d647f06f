"""Reads whole executions, and the changes to a part of a team's executions.

Of changes outside of the part only ids are transferred.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from mcp_learning.store.shared import Part
from mcp_learning.team.postgres import feed
from mcp_learning.team.postgres.connection import Connection, fetch
from mcp_learning.team.postgres.pages import Read

Absent = Callable[[Sequence[UUID]], Awaitable[list[UUID]]]

MOST_IDS = 5_000
"""Ids of changes of each kind that are read at a time."""

MOST_WHOLE = 1_000
"""Whole executions that are read at a time: 2 to 3 MB with vectors."""

_CHANGED = """
SELECT change, task_id, doc IS NULL, %s AND change > %s
    AND (%s::text IS NULL OR author = %s) AND (%s::text IS NULL OR doc->>'recorded_at' >= %s)
FROM mcpl.executions WHERE team = %s AND change > %s AND change <= %s ORDER BY change LIMIT %s
"""
_FORGOTTEN = """
SELECT change, task_id, author, updated_at, NULL FROM mcpl.executions
WHERE team = %s AND task_id = ANY(%s) AND doc IS NULL
"""
_BESIDE = (
    "SELECT change, task_id FROM mcpl.feedback",
    "SELECT change, task_id, used FROM mcpl.uses",
    "SELECT change, task_id FROM mcpl.vectors",
)
_RANGE = "WHERE team = %s AND change > %s AND change <= %s ORDER BY change LIMIT %s"
_WHOLE = """
SELECT 0 AS kind, x.change, x.task_id, NULL::uuid, x.author, x.updated_at, x.doc::text, NULL::int,
    NULL::bigint, NULL::bytea
FROM mcpl.executions x WHERE x.team = %(team)s AND x.task_id = ANY(%(ids)s) AND x.doc IS NOT NULL
UNION ALL SELECT 1, f.change, f.feedback_id, f.task_id, NULL, NULL, f.doc::text, NULL, NULL, NULL
FROM mcpl.feedback f WHERE f.team = %(team)s AND f.task_id = ANY(%(ids)s)
UNION ALL SELECT 2, u.change, u.task_id, u.used, NULL, u.at, NULL, NULL, NULL, NULL
FROM mcpl.uses u WHERE u.team = %(team)s AND (u.task_id = ANY(%(ids)s) OR u.used = ANY(%(ids)s))
UNION ALL SELECT 3, v.change, v.task_id, NULL, NULL, NULL, NULL, v.part, v.described, v.vector
FROM mcpl.vectors v
WHERE v.team = %(team)s AND v.task_id = ANY(%(ids)s) AND v.model = %(model)s
UNION ALL SELECT 4, t.change, t.team, NULL, t.epoch::text || '/' || mcpl.server(), NULL, NULL, NULL,
    NULL, NULL
FROM mcpl.teams t WHERE t.team = %(team)s
ORDER BY kind, change
"""
# A single statement, so that it sees one state of the store and takes one round trip.

_OLDER = """
SELECT change FROM mcpl.executions
WHERE team = %s AND doc IS NOT NULL AND (%s::text IS NULL OR author = %s)
ORDER BY change DESC OFFSET %s LIMIT 1
"""
_COUNT = "SELECT count(*) FROM mcpl.executions WHERE team = %s AND doc IS NOT NULL"


class Wanted(NamedTuple):
    """Which changes a host that holds a part wants, in one state of the store.

    Attributes:
        part: The part.
        older: Executions with change numbers up to this one are too old for it: enough are later.
        unneeded: Changes up to this number concern nothing that the host holds or wants.
    """

    part: Part
    older: int
    unneeded: int


async def whole(
    connection: Connection, team: UUID, task_ids: Sequence[UUID], model: str
) -> tuple[Read, str]:
    """Those of these executions that the team has and this role may read, in one state of it.

    `model` is the fingerprint of the model whose vectors are wanted.

    Returns:
        The executions and all that belongs to them but lessons; the epoch of change numbers.
    """
    values = {"team": team, "ids": list(task_ids), "model": model}
    kinds: tuple[list[Any], ...] = ([], [], [], [], [])
    for kind, *row in await fetch(connection, _WHOLE, values):
        kinds[kind].append(row)
    ((change, _, _, epoch, *_),) = kinds[4]
    read = Read(
        [(change, one, author, at, doc) for change, one, _, author, at, doc, *_ in kinds[0]],
        [(change, one, about, doc) for change, one, about, _, _, doc, *_ in kinds[1]],
        [(change, one, used, at) for change, one, used, _, at, *_ in kinds[2]],
        [],
        [(change, one, *vector) for change, one, _, _, _, _, *vector in kinds[3]],
        change,
    )
    return read, epoch


async def changed(
    connection: Connection,
    team: UUID,
    since: int,
    last: int,
    model: str,
    wanted: Wanted,
    absent: Absent,
) -> Read:
    """The next changes to executions that a host holds or is to hold, with those as a whole.

    The arguments are those of `feed.changed`, and `wanted`: which changes the host wants.
    """
    part = wanted.part
    moment = None if part.since is None else part.since.strftime("%Y-%m-%dT%H:%M:%S")
    belongs = [part.author != "", wanted.older, part.author, part.author, moment, moment]
    limits = [team, max(since, wanted.unneeded), last, MOST_IDS]
    rows = await fetch(connection, _CHANGED, [*belongs, *limits])
    last = _cut(rows, last)
    beside = []
    for query in _BESIDE:
        limits[2] = last
        others = await fetch(connection, f"{query} {_RANGE}", limits)
        last = _cut(others, last)
        beside += others
    rows = [row for row in rows if row[0] <= last]
    fits = [row[1] for row in rows if row[3] and not row[2]]
    if len(fits) > MOST_WHOLE:  # the rest comes with the next page
        last = next(row[0] for row in rows if row[1] == fits[MOST_WHOLE - 1])
        rows, fits = [row for row in rows if row[0] <= last], fits[:MOST_WHOLE]
    gone = [row[1] for row in rows if row[2]]
    every = (row for row in (*rows, *beside) if row[0] <= last)
    touched = dict.fromkeys(one for row in every for one in row[1:] if isinstance(one, UUID))
    lessons = await feed.lessons(connection, team, since, last, list(touched), bool(gone))
    lessons_on = {one for row in lessons for one in row[2]}
    not_here = set(await absent([*touched, *lessons_on]))
    sent = {*fits, *lessons_on, *(one for one in touched if one not in not_here)} - {*gone}
    found, _ = await whole(connection, team, list(sent), model)
    forgotten = await fetch(connection, _FORGOTTEN, [team, gone]) if gone else []
    left_out = [one for one in touched if one not in sent and one not in set(gone)]
    executions = [*forgotten, *found.executions]
    return found._replace(executions=executions, lessons=lessons, change=last, left_out=left_out)


async def count(connection: Connection, team: UUID) -> int:
    """Number of the team's executions that this role may read."""
    ((number,),) = await fetch(connection, _COUNT, [team])
    return int(number)


async def older(connection: Connection, team: UUID, since: int, last: int, part: Part) -> int:
    """The change number up to which executions are too old for a part; 0: none is.

    The host has all changes up to `since`; `last` is the team's last change number.
    """
    if part.author == "":
        return last
    if last - since <= part.most:
        return 0
    rows = await fetch(connection, _OLDER, [team, part.author, part.author, part.most])
    return int(rows[0][0]) if rows else 0


def _cut(rows: Sequence[Any], last: int) -> int:
    """The change number up to which the rows of a limited query are complete."""
    return rows[-1][0] if len(rows) >= MOST_IDS else last
