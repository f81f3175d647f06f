"""Reads a team's changes in the order of their numbers, for hosts that hold all of it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from mcp_learning.team.postgres.connection import Connection, fetch
from mcp_learning.team.postgres.pages import Read

Lacking = Callable[[Sequence[UUID]], Awaitable[list[UUID]]]

_EXECUTIONS = """
SELECT change, task_id, author, updated_at, doc::text FROM mcpl.executions
WHERE team = %s AND change > %s AND change <= %s ORDER BY change LIMIT %s
"""
_FEEDBACK = """
SELECT change, feedback_id, task_id, doc::text FROM mcpl.feedback
WHERE team = %s AND change > %s AND change <= %s ORDER BY change LIMIT %s
"""
_USES = """
SELECT change, task_id, used, at FROM mcpl.uses
WHERE team = %s AND change > %s AND change <= %s ORDER BY change LIMIT %s
"""
_VECTORS = """
SELECT change, task_id, part, described, vector FROM mcpl.vectors
WHERE team = %s AND change > %s AND change <= %s AND model = %s ORDER BY change LIMIT %s
"""
_EARLIER_VECTORS = """
SELECT change, task_id, part, described, vector FROM mcpl.vectors
WHERE team = %s AND task_id = ANY(%s) AND model = %s AND change <= %s ORDER BY change
"""
_EARLIER_FEEDBACK = """
SELECT change, feedback_id, task_id, doc::text FROM mcpl.feedback
WHERE team = %s AND task_id = ANY(%s) AND change <= %s ORDER BY change
"""
_EARLIER_USES = """
SELECT change, task_id, used, at FROM mcpl.uses
WHERE team = %s AND (task_id = ANY(%s) OR used = ANY(%s)) AND change <= %s ORDER BY change
"""
_LESSONS = """
SELECT lesson_id, doc, evidence FROM (
    SELECT lesson_id, doc::text, change,
        ARRAY(SELECT jsonb_array_elements_text(doc->'evidence')::uuid) AS evidence
    FROM mcpl.lessons WHERE team = %s AND change <= %s
) told
WHERE CASE WHEN doc IS NULL THEN %s
    ELSE change > %s OR EXISTS (SELECT FROM unnest(evidence) one WHERE one = ANY(%s)) END
ORDER BY change
"""
# A lesson whose evidence was forgotten becomes a tombstone under its old number.


async def changed(
    connection: Connection,
    team: UUID,
    since: int,
    last: int,
    limit: int,
    model: str,
    lacking: Lacking,
    absent: Lacking,
) -> Read:
    """The next changes, with everything that belongs to executions that are new to the host.

    Args:
        connection: Inside a transaction that sees one state of the store.
        team: Id of the team.
        since: The change number up to which the host has all changes.
        last: The team's last change number in this state.
        limit: Most rows of each kind.
        model: Fingerprint of the model whose vectors are wanted.
        lacking: Returns those of some executions that have no vector on the host: their earlier
            vectors are added.
        absent: Returns those of some executions that the host doesn't have, as they are new or
            archived: their earlier feedback and uses are added.
    """
    found = []
    for query in (_EXECUTIONS, _FEEDBACK, _USES):
        rows = await fetch(connection, query, [team, since, last, limit])
        if len(rows) == limit:  # there may be more of this kind, so the page ends here
            last = rows[-1][0]
        found.append(rows)
    vectors = await fetch(connection, _VECTORS, [team, since, last, model, limit])
    if len(vectors) == limit:
        last = vectors[-1][0]
    executions, feedback, uses = ([row for row in rows if row[0] <= last] for rows in found)
    sent = {row[1] for row in vectors}
    given = [row[1] for row in executions if row[4] is not None and row[1] not in sent]
    wanted = await lacking(given)
    if wanted and since:
        earlier = await fetch(connection, _EARLIER_VECTORS, [team, wanted, model, since])
        vectors = [*earlier, *vectors]
    known = [row[1] for row in executions if row[4] is not None]
    if since and (new := await absent(known)):
        feedback = [*await fetch(connection, _EARLIER_FEEDBACK, [team, new, since]), *feedback]
        uses = [*await fetch(connection, _EARLIER_USES, [team, new, new, since]), *uses]
    task_ids, has_tombstones = [row[1] for row in executions], any(not row[4] for row in executions)
    told = await lessons(connection, team, since, last, task_ids, has_tombstones)
    return Read(executions, feedback, uses, told, [v for v in vectors if v[0] <= last], last)


async def lessons(
    connection: Connection,
    team: UUID,
    since: int,
    last: int,
    task_ids: Sequence[UUID],
    has_tombstones: bool,
) -> list[Any]:
    """Lessons that changed after `since`, or that rest on executions of this page.

    If the page has tombstones of executions, all tombstones of lessons are returned, since it isn't
    stored which lessons rested on which forgotten executions.

    Returns:
        (lesson_id, doc, ids of its evidence) of each lesson; doc is None if it was deleted.
    """
    return await fetch(connection, _LESSONS, [team, last, has_tombstones, since, list(task_ids)])
