"""Executions and lessons of other members of a team that this host has left.

They stay here, and belong to no team: they are neither sent to the next one nor deleted because it
lacks them. What the next team sends belongs to it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import naive_utc
from mcp_learning.store.duckdb.outbox_table import add, feedback_entries
from mcp_learning.store.duckdb.queries import column

NOT_OF_FORMER_TEAM = "x.task_id NOT IN (SELECT task_id FROM former_team)"
"""SQL: whether an execution `x` isn't of a former team."""

OF_TEAM = f"x.author IS NOT NULL AND {NOT_OF_FORMER_TEAM}"
"""SQL: whether an execution `x` is of the present team."""

_OF_OTHERS = "x.author NOT IN (SELECT role FROM team_roles)"

_SINCE = (
    "submitted_at > (SELECT max(left_at) FROM former_team f WHERE f.task_id = feedback.task_id)"
)


def has(cursor: Cursor, task_id: UUID) -> bool:
    """Whether an execution is of a former team."""
    return bool(column(cursor, "SELECT 1 FROM former_team WHERE task_id = ?", [task_id]))


def lessons(cursor: Cursor) -> set[UUID]:
    """The lessons of former teams."""
    query = "SELECT lesson_id FROM lessons SEMI JOIN former_team ON lesson_id = task_id"
    return set(column(cursor, query))


def note(cursor: Cursor) -> None:
    """Notes the executions that have an author; call it when a team is left or joined."""
    _add(cursor, f"SELECT x.task_id FROM executions x WHERE {OF_TEAM}")


def note_absent(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Notes those of these executions that others wrote, since the team lacks them."""
    _add(
        cursor,
        f"SELECT x.task_id FROM executions x WHERE {OF_TEAM} AND {_OF_OTHERS} "
        f"AND x.task_id {AMONG_UUIDS}",
        joined(task_ids),
    )


def leave(cursor: Cursor) -> None:
    """Removes this host as author, and notes what others wrote.

    Call it before the outbox is emptied, which shows which lessons the team has.
    """
    cursor.execute(f"UPDATE executions x SET author = NULL WHERE {OF_TEAM} AND NOT ({_OF_OTHERS})")
    cursor.execute("DELETE FROM team_roles")
    note(cursor)
    _add(
        cursor,
        "SELECT DISTINCT task_id FROM outbox WHERE kind = 'lesson' "
        "AND task_id NOT IN (SELECT lesson_id FROM lesson_changes WHERE change = 'saved')",
    )


def belong(cursor: Cursor, task_ids: Sequence[UUID]) -> None:
    """Notes that the team has these executions and lessons.

    Adds entries for the feedback on them that was given here since this host left.
    """
    among = f"task_id {AMONG_UUIDS}"
    query = f"SELECT task_id FROM former_team WHERE {among}"
    if not (former := column(cursor, query, [joined(task_ids)])):
        return
    entries = feedback_entries(cursor, f"{_SINCE} AND {among}", joined(former))
    add(cursor, entries)
    cursor.execute(f"DELETE FROM former_team WHERE {among}", [joined(former)])


def _add(cursor: Cursor, ids: str, *values: object) -> None:
    now = naive_utc(datetime.now(UTC))
    cursor.execute(f"INSERT INTO former_team SELECT *, ? FROM ({ids})", [now, *values])
