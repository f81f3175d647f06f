"""SQL of recall counts, and of votes for and against executions."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from mcp_learning.store.duckdb.bound_lists import NUMBERS, UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import naive_utc
from mcp_learning.store.duckdb.queries import number
from mcp_learning.store.types import Vote

EACH_VOTE = """
SELECT f.task_id, coalesce(f.helpful, coalesce(f.accepted,
        CASE WHEN f.rating >= 4 THEN true WHEN f.rating <= 2 THEN false END) = x.success) AS pro,
    CASE WHEN f.helpful IS NULL THEN greatest(f.submitted_at, x.updated_at)
        ELSE f.submitted_at END AS known_at
FROM feedback f JOIN executions x USING (task_id)
UNION ALL
SELECT u.used_task_id, x.success, greatest(u.recorded_at, x.updated_at)
FROM uses u JOIN executions x USING (task_id)
"""
"""SQL: every vote with its execution, whether it is in favour (NULL: no vote), and its time.

A feedback is at most one vote. `helpful` decides if given; otherwise a judgement of the result is
in favour if it agrees with the recorded outcome, and against if it contradicts it.
"""

_VOTES = f"""
SELECT task_id, count(*) FILTER (pro)::DOUBLE, count(*) FILTER (NOT pro)::DOUBLE
FROM ({EACH_VOTE}) WHERE pro IS NOT NULL {{where}} GROUP BY task_id
"""


def votes(cursor: Cursor) -> dict[UUID, Vote]:
    """As `Store.votes`; a use in a task that hasn't ended is no vote yet."""
    rows = cursor.execute(_VOTES.format(where="")).fetchall()
    return {row[0]: Vote(row[1], row[2]) for row in rows}


def votes_of(cursor: Cursor, task_id: UUID) -> Vote:
    """The votes on one execution."""
    row = cursor.execute(_VOTES.format(where="AND task_id = ?"), [task_id]).fetchone()
    return Vote(row[1], row[2]) if row else Vote(0.0, 0.0)


def add_recalls(cursor: Cursor, times: Mapping[UUID, int], at: datetime) -> None:
    """Counts recalls; executions that were deleted meanwhile are left out."""
    cursor.execute(
        "INSERT INTO recall_counts SELECT n.task_id, n.times, ? FROM ("
        f"SELECT unnest({UUIDS}) AS task_id, unnest({NUMBERS}) AS times"
        ") n SEMI JOIN executions USING (task_id) "
        "ON CONFLICT DO UPDATE SET times = recall_counts.times + excluded.times, "
        "last_at = excluded.last_at",
        [naive_utc(at), joined(times), joined(times.values())],
    )


def times_recalled(cursor: Cursor, task_id: UUID) -> int:
    """How often an execution was part of an answer, as far as that was saved."""
    return number(cursor, "SELECT times FROM recall_counts WHERE task_id = ?", [task_id])
