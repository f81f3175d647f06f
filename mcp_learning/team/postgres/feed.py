"""Reading the changes of a team in the order of their numbers, for hosts that hold all of it."""

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
# A lesson goes with an execution that is forgotten, under the number that it had.


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
    """The next changes, with all that belongs to executions that aren't here.

    Args:
        connection: Inside a transaction that sees one state of the store.
        team: Id of the team.
        since: The number up to which changes are known.
        last: The team's number in this state.
        limit: Rows of each kind.
        model: Whose vectors are wanted.
        lacking: Which of some executions have no vector here: those that were made earlier are
            sent with them.
        absent: Which of some executions aren't here, since they are new or were archived: so are
            the feedback and the uses of these.
    """
    found = []
    for query in (_EXECUTIONS, _FEEDBACK, _USES):
        rows = await fetch(connection, query, [team, since, last, limit])
        if len(rows) == limit:  # there may be more of this kind: what comes later waits
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
    return Read(executions, feedback, uses, told, vectors, last)


async def lessons(
    connection: Connection,
    team: UUID,
    since: int,
    last: int,
    task_ids: Sequence[UUID],
    has_tombstones: bool,
) -> list[Any]:
    """Lessons that changed after `since`, or rest on executions that come only now.

    With executions that were forgotten come all lessons that went with any: a host needn't know
    what they rested on.

    Args:
        connection: To the store.
        team: Id of the team.
        since: The number up to which changes are known.
        last: Changes after this number come later.
        task_ids: These executions.
        has_tombstones: Whether executions that were forgotten come now.

    Returns:
        (lesson_id, doc, ids of the executions that it rests on) of each; doc is None if it is gone.
    """
    return await fetch(connection, _LESSONS, [team, last, has_tombstones, since, list(task_ids)])
