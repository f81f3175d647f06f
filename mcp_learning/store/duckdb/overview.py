"""What the dashboard asks besides: figures over time, values for filters, lists, uses."""

from collections.abc import Sequence
from datetime import UTC
from typing import Literal
from uuid import UUID

from mcp_learning.models.dashboard import Bucket, Choice, Listed, SortKey, Step
from mcp_learning.models.requests import Outcome
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.statistics import grouped, within
from mcp_learning.store.types import Extent, Outcomes, Period, Use

DESCRIPTION = 300
"""Characters of a text that a list shows."""

_LATEST = "ORDER BY timestamp DESC, sequence DESC"
_SORTED: dict[SortKey, str] = {
    "recorded_at": "timestamp",
    "outcome": "success",
    "task_type": "task_type",
    "repo": "repo",
    "approach": "approach",
    "duration_seconds": "duration_seconds",
    "cost_usd": "actual_cost",
}
_OUTCOME: dict[bool | None, Outcome] = {True: "success", False: "failure", None: "pending"}


def extent(cursor: Cursor) -> Extent:
    """How many executions there are, and when the oldest was recorded."""
    row = cursor.execute("SELECT count(*), min(timestamp) FROM executions").fetchone()
    if not row or not row[0]:
        return Extent(0, None)
    return Extent(row[0], row[1].replace(tzinfo=UTC))


def buckets(cursor: Cursor, step: Step, period: Period) -> list[Bucket]:
    """Figures per hour, day, week or month (UTC) that has executions, oldest first; no rates."""
    where, values = within(cursor, period)
    rows = cursor.execute(
        "SELECT date_trunc(?, timestamp)::TIMESTAMP, count(*) FILTER (success), "
        "count(*) FILTER (NOT success), count(*) FILTER (success IS NULL), "
        "count(duration_seconds), quantile_cont(duration_seconds, 0.5), "
        "quantile_cont(duration_seconds, 0.95), sum(actual_cost) FILTER (isfinite(actual_cost)) "
        f"FROM executions WHERE {where} GROUP BY 1 ORDER BY 1",
        [step, *values],
    ).fetchall()
    counts = ("success", "failure", "pending", "durations")
    names = (*counts, "duration_p50", "duration_p95", "cost_usd")
    return [
        Bucket(start=row[0].replace(tzinfo=UTC), **dict(zip(names, row[1:], strict=True)))
        for row in rows
    ]


def choices(cursor: Cursor, column: Literal["repo", "task_type"], limit: int) -> list[Choice]:
    """Recorded values of a column, commonest first; of repositories, the spelling to show."""
    table, named, key = grouped(cursor, column)
    rows = cursor.execute(
        f"SELECT {key}, count(*) FROM {table} WHERE {key} IS NOT NULL "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        [*named, limit],
    ).fetchall()
    return [Choice(value=value, executions=count) for value, count in rows]


def listing(
    cursor: Cursor, period: Period, limit: int, offset: int, sort: SortKey, *, descending: bool
) -> list[Listed]:
    """Executions of a period in this order."""
    where, values = within(cursor, period)
    direction = "DESC" if descending else "ASC"
    order = f"ORDER BY {_SORTED[sort]} {direction} NULLS LAST, timestamp DESC, sequence DESC"
    return _listed(cursor, f"{where} {order} LIMIT ? OFFSET ?", [*values, limit, offset], order)


def _listed(
    cursor: Cursor, chosen: str, values: Sequence[object], order: str = _LATEST
) -> list[Listed]:
    rows = cursor.execute(
        # Numbers first: texts are read of those alone that are shown.
        "SELECT task_id, timestamp, task_type, left(task_description, ?), success, repo, approach, "
        "model_tier, error_type, left(solution_summary, ?), duration_seconds, actual_cost, "
        "outcome_basis, outcome_confidence, session_id, list_concat("
        "json_extract_string(metadata, '$.commits[*]'), "
        "[json_extract_string(metadata, '$.commit')]) "
        "FROM executions WHERE sequence IN ("
        f"SELECT sequence FROM executions WHERE {chosen}) {order}",
        [DESCRIPTION, DESCRIPTION, *values],
    ).fetchall()
    return [
        Listed(
            task_id=row[0],
            recorded_at=row[1].replace(tzinfo=UTC),
            task_type=row[2],
            task_description=row[3],
            outcome=_OUTCOME[row[4]],
            repo=row[5],
            approach=row[6],
            model_tier=row[7],
            error_type=row[8],
            solution_summary=row[9],
            duration_seconds=row[10],
            cost_usd=row[11],
            outcome_basis=row[12],
            outcome_confidence=row[13],
            session_id=row[14],
            commits=[commit for commit in row[15] if commit],
        )
        for row in rows
    ]


def starting_with(cursor: Cursor, prefix: str, limit: int) -> list[Listed]:
    """Executions whose id begins with 1 to 32 hexadecimal digits, the latest first."""
    return _listed(
        cursor,
        f"task_id BETWEEN ? AND ? {_LATEST} LIMIT ?",
        [UUID(f"{prefix:0<32}"), UUID(f"{prefix:f<32}"), limit],
    )


def count(cursor: Cursor, period: Period) -> int:
    """How many executions a period has."""
    where, values = within(cursor, period)
    row = cursor.execute(f"SELECT count(*) FROM executions WHERE {where}", values).fetchone()
    return int(row[0]) if row else 0


def by_use(cursor: Cursor, period: Period) -> tuple[Outcomes, Outcomes, int]:
    """How executions ended that used earlier ones, and the others; and how many links there are."""
    where, values = within(cursor, period)
    row = cursor.execute(
        "WITH links AS (SELECT task_id, count(*) AS uses FROM uses GROUP BY 1) "
        "SELECT count(*) FILTER (success AND uses > 0), count(*) FILTER (NOT success AND uses > 0),"
        " count(*) FILTER (success AND uses IS NULL), "
        "count(*) FILTER (NOT success AND uses IS NULL), coalesce(sum(uses), 0) "
        f"FROM executions LEFT JOIN links USING (task_id) WHERE {where}",
        values,
    ).fetchone()
    if row is None:
        return Outcomes(0, 0), Outcomes(0, 0), 0
    return Outcomes(*row[:2]), Outcomes(*row[2:4]), int(row[4])


def most_used(cursor: Cursor, period: Period, limit: int) -> list[Use]:
    """The executions that those of a period used most."""
    where, values = within(cursor, period)
    rows = cursor.execute(
        "WITH used AS (SELECT used_task_id, count(*) AS uses, "
        "count(*) FILTER (success) AS won, count(*) FILTER (NOT success) AS lost "
        f"FROM uses JOIN (SELECT task_id, success FROM executions WHERE {where}) x "
        "USING (task_id) GROUP BY 1 ORDER BY uses DESC, won DESC, 1 LIMIT ?) "
        "SELECT x.task_id, left(x.task_description, ?), x.success, uses, won, lost "
        "FROM used JOIN executions x ON x.task_id = used_task_id "
        "ORDER BY uses DESC, won DESC, x.task_id",
        [*values, limit, DESCRIPTION],
    ).fetchall()
    return [Use(row[0], row[1], _OUTCOME[row[2]], row[3], Outcomes(*row[4:])) for row in rows]
