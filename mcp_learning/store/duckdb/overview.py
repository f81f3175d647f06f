"""SQL of the dashboard: figures over time, values for filters, lists of executions, uses."""

from collections.abc import Sequence
from datetime import UTC
from typing import Literal
from uuid import UUID

from mcp_learning.models.listed import Bucket, FilterValue, Listed, SortKey, Step, Used
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import OUTCOME
from mcp_learning.store.duckdb.queries import number
from mcp_learning.store.duckdb.statistics import ENDED, grouped, within
from mcp_learning.store.types import Endings, Extent, Period, UseCounts

_SHOWN = 300  # characters of a text in a list
_LATEST = "ORDER BY timestamp DESC, sequence DESC"
_LISTED = {  # by field of `Listed`, whose other fields are computed
    "task_id": "task_id",
    "recorded_at": "timestamp",
    "task_type": "task_type",
    "task_description": f"left(task_description, {_SHOWN})",
    "outcome": "success",
    **{name: name for name in ("repo", "approach", "model_tier", "error_type")},
    "solution_summary": f"left(solution_summary, {_SHOWN})",
    "duration_seconds": "duration_seconds",
    "cost_usd": "actual_cost",
    **{name: name for name in ("outcome_basis", "outcome_confidence", "session_id")},
    "commits": "list_concat(json_extract_string(metadata, '$.commits[*]'), "
    "[json_extract_string(metadata, '$.commit')])",
}


def extent(cursor: Cursor) -> Extent:
    """As `Store.extent`."""
    row = cursor.execute("SELECT count(*), min(timestamp) FROM executions").fetchone()
    if not row or not row[0]:
        return Extent(0, None)
    return Extent(row[0], row[1].replace(tzinfo=UTC))


def buckets(cursor: Cursor, step: Step, period: Period) -> list[Bucket]:
    """As `Store.buckets`."""
    where, values = within(cursor, period)
    rows = cursor.execute(
        "SELECT date_trunc(?, timestamp)::TIMESTAMP, count(*) FILTER (success), "
        "count(*) FILTER (NOT success), count(*) FILTER (success IS NULL), "
        "count(duration_seconds), quantile_cont(duration_seconds, 0.5), "
        "quantile_cont(duration_seconds, 0.95), sum(actual_cost) FILTER (isfinite(actual_cost)), "
        "sum(outcome_confidence) FILTER (success), sum(outcome_confidence) FILTER (NOT success) "
        f"FROM executions WHERE {where} GROUP BY 1 ORDER BY 1",
        [step, *values],
    ).fetchall()
    names = tuple(Bucket.model_fields)[1:]
    return [
        Bucket(start=row[0].replace(tzinfo=UTC), **dict(zip(names, row[1:], strict=True)))
        for row in rows
    ]


def choices(cursor: Cursor, column: Literal["repo", "task_type"], limit: int) -> list[FilterValue]:
    """As `Store.choices`; of repositories, the spelling to show."""
    table, named, key = grouped(cursor, column)
    rows = cursor.execute(
        f"SELECT {key}, count(*) FROM {table} WHERE {key} IS NOT NULL "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        [*named, limit],
    ).fetchall()
    return [FilterValue(value=value, executions=count) for value, count in rows]


def listing(
    cursor: Cursor,
    period: Period,
    limit: int,
    offset: int,
    sort: SortKey = "recorded_at",
    *,
    descending: bool = True,
) -> tuple[list[Listed], int]:
    """As `Store.listing`."""
    where, values = within(cursor, period)
    direction = "DESC" if descending else "ASC"
    order = f"ORDER BY {_LISTED[sort]} {direction} NULLS LAST, timestamp DESC, sequence DESC"
    page = _listed(cursor, f"{where} {order} LIMIT ? OFFSET ?", [*values, limit, offset], order)
    return page, number(cursor, f"SELECT count(*) FROM executions WHERE {where}", values)


def starting_with(cursor: Cursor, prefix: str, limit: int) -> list[Listed]:
    """As `Store.starting_with`."""
    ends = [UUID(f"{prefix:0<32}"), UUID(f"{prefix:f<32}")]
    return _listed(cursor, f"task_id BETWEEN ? AND ? {_LATEST} LIMIT ?", [*ends, limit], _LATEST)


def _listed(cursor: Cursor, chosen: str, values: Sequence[object], order: str) -> list[Listed]:
    found = cursor.execute(
        # Numbers first, so that texts are read only for the executions that are shown.
        f"SELECT {', '.join(_LISTED.values())} FROM executions "
        f"WHERE sequence IN (SELECT sequence FROM executions WHERE {chosen}) {order}",
        list(values),
    ).fetchall()
    rows = [dict(zip(_LISTED, row, strict=True)) for row in found]
    return [
        Listed(
            **row
            | {
                "recorded_at": row["recorded_at"].replace(tzinfo=UTC),
                "outcome": OUTCOME[row["outcome"]],
                "commits": [commit for commit in row["commits"] if commit],
            }
        )
        for row in rows
    ]


def use_counts(cursor: Cursor, period: Period) -> UseCounts:
    """As `Store.use_counts`."""
    where, values = within(cursor, period)
    rows = cursor.execute(
        "WITH links AS (SELECT task_id, count(*) AS uses FROM uses GROUP BY 1) "
        f"SELECT uses > 0, coalesce(sum(uses), 0)::BIGINT, {ENDED} "
        f"FROM executions LEFT JOIN links USING (task_id) WHERE {where} GROUP BY 1",
        values,
    ).fetchall()
    ended = {bool(row[0]): Endings(*row[2:]) for row in rows}
    recalls = cursor.execute("SELECT coalesce(sum(times), 0)::BIGINT, count(*) FROM recall_counts")
    nothing = Endings(0, 0)
    return UseCounts(
        ended.get(True, nothing),
        ended.get(False, nothing),
        sum(row[1] for row in rows),
        *(recalls.fetchone() or (0, 0)),
    )


def most_used(cursor: Cursor, period: Period, limit: int) -> list[Used]:
    """As `Store.most_used`."""
    where, values = within(cursor, period)
    rows = cursor.execute(
        "WITH used AS (SELECT used_task_id, count(*) AS uses, "
        "count(*) FILTER (success) AS won, count(*) FILTER (NOT success) AS lost "
        f"FROM uses JOIN (SELECT task_id, success FROM executions WHERE {where}) x "
        "USING (task_id) GROUP BY 1 ORDER BY uses DESC, won DESC, 1 LIMIT ?) "
        "SELECT x.task_id, left(x.task_description, ?), x.success, uses, won, lost "
        "FROM used JOIN executions x ON x.task_id = used_task_id "
        "ORDER BY uses DESC, won DESC, x.task_id",
        [*values, limit, _SHOWN],
    ).fetchall()
    return [
        Used(**dict(zip(Used.model_fields, row, strict=True)) | {"outcome": OUTCOME[row[2]]})
        for row in rows
    ]
