"""SQL of statistics: counts and quantiles of a period, by group, and of approaches compared."""

import json
from collections.abc import Sequence

from mcp_learning.models.requests import GroupBy
from mcp_learning.store.duckdb import spellings
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import SUCCESS, naive_utc
from mcp_learning.store.types import Endings, Measures, Pairing, Period

# Costs are compared by the logarithm of actual / estimate, where both are above zero. FILTER would
# come too late: the logarithm of zero is an error even where it isn't aggregated.
_RATIO = " - ".join(
    f"ln(CASE WHEN {cost} > 0 THEN {cost} END)" for cost in ("actual_cost", "cost_estimate")
)
_MEASURES = f"""
    count(*), count(*) FILTER (success), count(*) FILTER (NOT success),
    count(*) FILTER (success IS NULL),
    quantile_cont(duration_seconds, 0.5), quantile_cont(duration_seconds, 0.95), sum(actual_cost),
    count({_RATIO}), quantile_cont(abs({_RATIO}), 0.5), quantile_cont({_RATIO}, 0.5),
    sum(coalesce(outcome_confidence, 0)) FILTER (success),
    sum(coalesce(outcome_confidence, 0)) FILTER (NOT success)
"""
# Rounded twice: the last digits of a sum depend on the order of its terms.
_WEIGHTS = tuple(
    f"coalesce(round(sum(outcome_confidence) FILTER ({ended}), 6), 0)"
    for ended in ("success", "NOT success")
)
ENDED = ", ".join(["count(*) FILTER (success)", "count(*) FILTER (NOT success)", *_WEIGHTS])
"""The columns of `types.Endings`."""
_SEARCHED = (
    "lower(concat_ws(chr(10), task_id, task_type, task_description, repo, approach, model_tier, "
    "error_type, error_message, solution_summary))"
)
_DAY = "strftime(timestamp, '%Y-%m-%d')"


def totals(cursor: Cursor, period: Period) -> Measures:
    """As `Store.totals`."""
    where, values = within(cursor, period)
    row = cursor.execute(f"SELECT {_MEASURES} FROM executions WHERE {where}", values).fetchone()
    return Measures(*row) if row else Measures(0, 0, 0, 0, None, None, None)


def groups(
    cursor: Cursor, by: GroupBy, period: Period, limit: int
) -> tuple[list[tuple[str, Measures]], int]:
    """As `Store.groups`; executions without a value of `by` are counted in the totals only."""
    where, values = within(cursor, period)
    table, named, key = grouped(cursor, by)
    order = "1 DESC" if by == "day" else "3 DESC, 1"
    rows = cursor.execute(
        f"SELECT {key}, count(*) OVER (), {_MEASURES} FROM {table} "
        f"WHERE {where} AND {key} IS NOT NULL GROUP BY 1 ORDER BY {order} LIMIT ?",
        [*named, *values, limit],
    ).fetchall()
    more = rows[0][1] - len(rows) if rows else 0
    return [(str(row[0]), Measures(*row[2:])) for row in rows], more


def outcomes(
    cursor: Cursor, by: GroupBy, period: Period, keys: Sequence[str]
) -> dict[str, Endings]:
    """As `Store.outcomes`."""
    where, values = within(cursor, period)
    table, named, key = grouped(cursor, by)
    rows = cursor.execute(
        f"SELECT {key}, {ENDED} FROM {table} WHERE {where} "
        f"AND {key} IN (SELECT unnest(from_json(?, '[\"VARCHAR\"]'))) GROUP BY 1",
        [*named, *values, json.dumps(list(keys))],
    ).fetchall()
    return {row[0]: Endings(*row[1:]) for row in rows}


def pairings(cursor: Cursor, period: Period, limit: int) -> list[Pairing]:
    """As `Store.pairings`; task types with a single approach are left out."""
    where, values = within(cursor, period)
    names = ("won", "lost", "weight_won", "weight_lost")
    others = ", ".join(f"sum({name}) OVER same - {name}" for name in names)
    table, named = spellings.with_label(cursor, "task_type", "kind")
    table, named = spellings.with_label(cursor, "approach", "shown", (table, named))
    rows = cursor.execute(
        f"WITH ended AS (SELECT kind, shown, {ENDED} FROM {table} WHERE {where} "
        f"AND shown IS NOT NULL AND success IS NOT NULL GROUP BY ALL) "
        f"SELECT *, {others} FROM ended AS t(task_type, approach, {', '.join(names)}) "
        "WINDOW same AS (PARTITION BY task_type) QUALIFY count(*) OVER same > 1 "
        "ORDER BY weight_won + weight_lost DESC, task_type, approach LIMIT ?",
        [*named, *values, limit],
    ).fetchall()
    return [
        Pairing(row[0], row[1], Endings(*row[2:6]), Endings(*map(int, row[6:8]), *row[8:]))
        for row in rows
    ]


def within(cursor: Cursor, period: Period) -> tuple[str, list[object]]:
    """A condition on executions for those of a period, and the values that it binds."""
    where = "timestamp >= ? AND timestamp < ?"
    values: list[object] = [naive_utc(period.since), naive_utc(period.until)]
    if period.repo is not None:
        condition, given = spellings.is_repository(cursor, period.repo)
        where += f" AND {condition}"
        values += given
    for name, label in (("task_type", period.task_type), ("approach", period.approach)):
        if label is not None:
            condition, given = spellings.is_label(cursor, name, label)
            where += f" AND {condition}"
            values += given
    for condition, value in (
        (f"contains({_SEARCHED}, lower(?))", period.text),
        ("task_key = (SELECT task_key FROM executions WHERE task_id = ?)", period.same_task),
    ):
        if value is not None:
            where += f" AND {condition}"
            values.append(value)
    if period.outcome is not None:
        where += " AND success IS NOT DISTINCT FROM ?"
        values.append(SUCCESS[period.outcome])
    return where, values


def grouped(cursor: Cursor, by: GroupBy) -> tuple[str, list[object], str]:
    """The table of executions to group, the values that it binds, and the expression to group by.

    Repositories and labels are grouped by the spelling to show.
    """
    if by == "repo":
        return (*spellings.with_repository(cursor), "repository")
    if by in spellings.FOLDED:
        return (*spellings.with_label(cursor, by, "shown"), "shown")
    return "executions", [], _DAY if by == "day" else by
