"""Which lessons the team knows: those of which the outbox has an entry, sent or not."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import naive_utc
from mcp_learning.store.duckdb.queries import column


def known(cursor: Cursor) -> set[UUID]:
    """Lessons that the team has, or that wait to be sent."""
    return set(column(cursor, "SELECT DISTINCT task_id FROM outbox WHERE kind = 'lesson'"))


def quoted(cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these executions on which lessons rest that the team knows."""
    return column(
        cursor,
        f"SELECT DISTINCT task_id FROM lesson_evidence WHERE task_id {AMONG_UUIDS} "
        "AND lesson_id IN (SELECT task_id FROM outbox WHERE kind = 'lesson')",
        [joined(task_ids)],
    )


def note(cursor: Cursor, lesson_ids: Sequence[UUID]) -> None:
    """Records that the team has these lessons, which came from it."""
    now = naive_utc(datetime.now(UTC))
    cursor.execute(
        "INSERT INTO outbox (number, kind, task_id, made_at, sent_at, change) "
        f"SELECT nextval('outbox_number'), 'lesson', id, ?, ?, 0 FROM (SELECT unnest({UUIDS}) id) "
        "WHERE id NOT IN (SELECT task_id FROM outbox WHERE kind = 'lesson')",
        [now, now, joined(lesson_ids)],
    )
