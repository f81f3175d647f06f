"""Queues changes again that a team's server lost in a failover."""

from collections.abc import Mapping
from uuid import UUID

from mcp_learning.store.duckdb import executions, lessons
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, NUMBERS, UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.outbox import lesson_patch
from mcp_learning.store.duckdb.outbox_table import Entry, add, requeue
from mcp_learning.store.duckdb.queries import column, number

_UNSEND = "UPDATE outbox SET sent_at = NULL, change = NULL"
_WHOLE = "CASE kind WHEN 'patch' THEN '$.recorded_at' ELSE '$.created_at' END"
"""SQL: a JSON path that only entries of a whole execution or lesson have in their fields."""


def sent_ids(cursor: Cursor) -> list[UUID]:
    """As `SharedStore.sent_ids`."""
    return column(
        cursor,
        "SELECT DISTINCT task_id FROM outbox WHERE change > 0 AND kind NOT IN ('forget', 'vector')",
    )


def requeue_lost(cursor: Cursor, there: Mapping[UUID, int], common: int | None) -> int:
    """As `SharedStore.send_again`.

    Entries that created executions which the team has aren't sent again: another host sent those
    when it changed them.
    """
    last = number(cursor, "SELECT coalesce(max(change), 0) FROM outbox")
    absent = [one for one in sent_ids(cursor) if one not in there]
    told = [one for one in lessons.all_lessons(cursor) if one.lesson_id in set(absent)]
    missing = set(executions.missing_ids(cursor, absent))
    here = [one for one in absent if one not in missing]
    cursor.execute(
        f"DELETE FROM outbox WHERE task_id {AMONG_UUIDS} AND sent_at IS NOT NULL "
        "AND kind <> 'forget'",
        [joined([*here, *(one.lesson_id for one in told)])],
    )
    requeue(cursor, here)
    whole: list[Entry] = [("lesson", one.lesson_id, lesson_patch(None, one)) for one in told]
    add(cursor, whole)
    cursor.execute(
        f"{_UNSEND} FROM (SELECT unnest({UUIDS}) AS id, unnest({NUMBERS}) AS number) t "
        "WHERE outbox.task_id = t.id AND change > coalesce(?, t.number) "
        "AND kind IN ('patch', 'lesson') AND fields IS NOT NULL "
        f"AND json_extract(fields, {_WHOLE}) IS NULL",
        [joined(there), joined(there.values()), common],
    )
    cursor.execute(
        f"{_UNSEND} WHERE change > coalesce(?, 0) AND kind NOT IN ('patch', 'lesson')", [common]
    )
    cursor.execute(  # entries of executions that neither the team nor this host has any more
        f"{_UNSEND} WHERE change > 0 AND task_id {AMONG_UUIDS}", [joined(absent)]
    )
    return last
