"""Removes the team's executions from a host that holds only a part of them.

An eviction is local: the team isn't notified, and evicted executions are fetched again when they
are needed. Executions that are evidence of lessons stay, and so do those with changes that the team
doesn't have yet.
"""

from collections.abc import Sequence
from uuid import UUID

from mcp_learning.store.duckdb import executions, outbox_table
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import naive_utc
from mcp_learning.store.duckdb.former_team import OF_TEAM
from mcp_learning.store.duckdb.queries import column, where
from mcp_learning.store.shared import Held, Part

_EVICTABLE = (
    f"{OF_TEAM} "
    "AND x.task_id NOT IN (SELECT task_id FROM outbox WHERE sent_at IS NULL) "
    "AND x.task_id NOT IN (SELECT task_id FROM lesson_evidence) "
    "AND x.task_id NOT IN (SELECT task_id FROM lesson_showings WHERE task_id IS NOT NULL)"
)


def evict(cursor: Cursor, part: Part) -> list[UUID]:
    """As `SharedStore.evict`; called inside a transaction."""
    if part.is_all and held(cursor).of_team <= part.most:
        return []
    belongs, values = _belongs(part)
    surplus = column(
        cursor,
        "WITH placed AS ("
        f"SELECT x.task_id, x.sequence, {belongs} AS belongs, "
        f"row_number() OVER (PARTITION BY {belongs} ORDER BY x.sequence DESC) AS place "
        f"FROM executions x WHERE {_EVICTABLE}"
        "), fitting AS (SELECT *, belongs OR place <= ? AS fits FROM placed) "
        "SELECT task_id FROM fitting "
        "QUALIFY NOT fits OR row_number() OVER (ORDER BY fits DESC, sequence DESC) > ?",
        [*values, *values, part.fetched, part.most],
    )
    return remove(cursor, surplus)


def evict_stale(cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
    """Evicts those of these executions, changed on the team's side, that may be; returns them."""
    if not task_ids:
        return []
    query = f"SELECT x.task_id FROM executions x WHERE x.task_id {AMONG_UUIDS} AND {_EVICTABLE}"
    return remove(cursor, column(cursor, query, [joined(task_ids)]))


def remove(cursor: Cursor, task_ids: Sequence[UUID]) -> list[UUID]:
    """Removes these executions; returns them."""
    if task_ids:
        outbox_table.materialise_patches(cursor, task_ids)
        executions.evict(cursor, task_ids)
    return list(task_ids)


def held(cursor: Cursor) -> Held:
    """As `SharedStore.held`."""
    row = cursor.execute(
        f"SELECT count(*) FILTER ({OF_TEAM}), count(*) FROM executions x"
    ).fetchone()
    return Held(*(row or (0, 0)))


def fetched(cursor: Cursor) -> list[UUID]:
    """As `SharedStore.fetched`."""
    return column(cursor, "SELECT task_id FROM fetched")


def _belongs(part: Part) -> tuple[str, list[object]]:
    """A condition for executions of `part` that weren't fetched for a question; its values."""
    if part.author == "":
        return "false", []
    since = part.since and naive_utc(part.since)
    clauses, values = where(("x.author = ?", part.author), ("x.timestamp >= ?", since))
    chosen = " AND ".join(["x.task_id NOT IN (SELECT task_id FROM fetched)", *clauses])
    return f"({chosen})", values
