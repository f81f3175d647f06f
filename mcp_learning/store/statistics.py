"""All SQL of learning_stats: counts and quantiles per group, sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mcp_learning.models.requests import GroupBy
from mcp_learning.store.duckdb import Cursor
from mcp_learning.store.executions import naive

_MEASURES = """
    count(*), count(*) FILTER (success), count(*) FILTER (NOT success),
    count(*) FILTER (success IS NULL),
    quantile_cont(duration_seconds, 0.5), quantile_cont(duration_seconds, 0.95), sum(actual_cost)
"""
_KEYS = {"day": "strftime(timestamp, '%Y-%m-%d')"}


@dataclass(frozen=True)
class Measures:
    """Raw figures of a set of executions; durations in seconds, cost in US dollars."""

    executions: int
    success: int
    failure: int
    pending: int
    duration_p50: float | None
    duration_p95: float | None
    cost_usd: float | None


def totals(cursor: Cursor, since: datetime, until: datetime, repo: str | None) -> Measures:
    """Figures of the executions recorded in [since, until)."""
    where, values = _period(since, until, repo)
    row = cursor.execute(f"SELECT {_MEASURES} FROM executions WHERE {where}", values).fetchone()
    return Measures(*row) if row else Measures(0, 0, 0, 0, None, None, None)


def groups(
    cursor: Cursor, by: GroupBy, since: datetime, until: datetime, repo: str | None
) -> Sequence[tuple[str, Measures]]:
    """Figures per value of `by`, most executions first (days: newest first).

    Executions without a value for it are counted in the totals only.
    """
    where, values = _period(since, until, repo)
    key = _KEYS.get(by, by)
    order = "1 DESC" if by == "day" else "2 DESC, 1"
    rows = cursor.execute(
        f"SELECT {key}, {_MEASURES} FROM executions WHERE {where} AND {key} IS NOT NULL "
        f"GROUP BY 1 ORDER BY {order}",
        values,
    ).fetchall()
    return [(str(row[0]), Measures(*row[1:])) for row in rows]


def _period(since: datetime, until: datetime, repo: str | None) -> tuple[str, list[object]]:
    values: list[object] = [naive(since), naive(until)]
    where = "timestamp >= ? AND timestamp < ?"
    if repo is not None:
        where += " AND repo = ?"
        values.append(repo)
    return where, values
