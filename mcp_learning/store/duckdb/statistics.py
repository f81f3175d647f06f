"""All SQL of learning_stats: counts and quantiles per group, and groups against each other."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mcp_learning.models.requests import GroupBy
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import naive
from mcp_learning.store.types import Measures, Outcomes, Pairing

# Costs are compared by the logarithm of actual / estimate, where both are known and not nothing. A
# FILTER would come too late: the logarithm of zero is an error even where it isn't aggregated.
_RATIO = " - ".join(
    f"ln(CASE WHEN {cost} > 0 THEN {cost} END)" for cost in ("actual_cost", "cost_estimate")
)
_MEASURES = f"""
    count(*), count(*) FILTER (success), count(*) FILTER (NOT success),
    count(*) FILTER (success IS NULL),
    quantile_cont(duration_seconds, 0.5), quantile_cont(duration_seconds, 0.95), sum(actual_cost),
    count({_RATIO}), quantile_cont(abs({_RATIO}), 0.5), quantile_cont({_RATIO}, 0.5)
"""
_KEYS = {"day": "strftime(timestamp, '%Y-%m-%d')"}


@dataclass(frozen=True)
class Scope:
    """Which executions count: those that have all of what is given.

    Attributes:
        repo: Exactly.
        task_type: Exactly.
    """

    repo: str | None = None
    task_type: str | None = None


Within = Scope | str | None
"""A scope; a text alone is a repo, and None restricts nothing."""


def totals(cursor: Cursor, since: datetime, until: datetime, within: Within) -> Measures:
    """Figures of the executions recorded in [since, until)."""
    where, values = period(since, until, within)
    row = cursor.execute(f"SELECT {_MEASURES} FROM executions WHERE {where}", values).fetchone()
    return Measures(*row) if row else Measures(0, 0, 0, 0, None, None, None)


def groups(
    cursor: Cursor, by: GroupBy, since: datetime, until: datetime, within: Within, limit: int
) -> tuple[list[tuple[str, Measures]], int]:
    """Figures per value of `by`, most executions first (days: newest first); and how many more.

    Executions without a value for it are counted in the totals only.
    """
    where, values = period(since, until, within)
    key = _KEYS.get(by, by)
    order = "1 DESC" if by == "day" else "3 DESC, 1"
    rows = cursor.execute(
        f"SELECT {key}, count(*) OVER (), {_MEASURES} FROM executions "
        f"WHERE {where} AND {key} IS NOT NULL GROUP BY 1 ORDER BY {order} LIMIT ?",
        [*values, limit],
    ).fetchall()
    more = rows[0][1] - len(rows) if rows else 0
    return [(str(row[0]), Measures(*row[2:])) for row in rows], more


def outcomes(
    cursor: Cursor,
    by: GroupBy,
    since: datetime,
    until: datetime,
    within: Within,
    keys: Sequence[str],
) -> dict[str, Outcomes]:
    """How the executions of these values of `by` ended; values that have none are left out."""
    where, values = period(since, until, within)
    key = _KEYS.get(by, by)
    rows = cursor.execute(
        f"SELECT {key}, count(*) FILTER (success), count(*) FILTER (NOT success) "
        f"FROM executions WHERE {where} "
        f"AND {key} IN (SELECT unnest(from_json(?, '[\"VARCHAR\"]'))) GROUP BY 1",
        [*values, json.dumps(list(keys))],
    ).fetchall()
    return {row[0]: Outcomes(*row[1:]) for row in rows}


def pairings(
    cursor: Cursor, since: datetime, until: datetime, within: Within, limit: int
) -> list[Pairing]:
    """The approaches that ended most often, each with the others of its task type.

    Only task types in which at least two approaches have ended.
    """
    where, values = period(since, until, within)
    rows = cursor.execute(
        "WITH ended AS (SELECT task_type, approach, count(*) FILTER (success) AS won, "
        f"count(*) FILTER (NOT success) AS lost FROM executions WHERE {where} "
        "AND approach IS NOT NULL AND success IS NOT NULL GROUP BY ALL) "
        "SELECT task_type, approach, won, lost, "
        "sum(won) OVER same - won, sum(lost) OVER same - lost FROM ended "
        "WINDOW same AS (PARTITION BY task_type) QUALIFY count(*) OVER same > 1 "
        "ORDER BY won + lost DESC, task_type, approach LIMIT ?",
        [*values, limit],
    ).fetchall()
    return [
        Pairing(row[0], row[1], Outcomes(*row[2:4]), Outcomes(*map(int, row[4:]))) for row in rows
    ]


def period(since: datetime, until: datetime, within: Within) -> tuple[str, list[object]]:
    """A condition on executions for [since, until), and the values that it binds."""
    scope = within if isinstance(within, Scope) else Scope(within)
    values: list[object] = [naive(since), naive(until)]
    where = "timestamp >= ? AND timestamp < ?"
    if scope.repo is not None:
        where += " AND repo = ?"
        values.append(scope.repo)
    if scope.task_type is not None:
        where += " AND task_type = ?"
        values.append(scope.task_type)
    return where, values
