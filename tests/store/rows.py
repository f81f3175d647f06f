"""Executions for tests: a migrated database, hypothesis strategies, the filters in Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import duckdb
from hypothesis import strategies as st

from mcp_learning.models.folding import as_label
from mcp_learning.models.requests import Details, Filters, Outcome, OutcomeBasis, RecordExecution
from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb import migrations
from mcp_learning.store.duckdb.connection import Cursor

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)

AWKWARD = ("it's", 'a"b', "100%", "a_b", "a,b", "'); DROP TABLE executions; --", "[1]", "naïve 🦆")
OUTCOMES: tuple[Outcome, ...] = ("success", "failure", "pending")


@contextmanager
def migrated(path: Path) -> Iterator[Cursor]:
    """A cursor on a new database file with the current schema."""
    with duckdb.connect(str(path)) as connection:
        migrations.apply(connection)
        yield connection


@contextmanager
def undone(cursor: Cursor) -> Iterator[None]:
    """Takes back what happens inside, so that examples share one database file."""
    cursor.execute("BEGIN")
    try:
        yield
    finally:
        cursor.execute("ROLLBACK")


def execution(**values: Any) -> Execution:
    """A valid execution; give what matters."""
    defaults: dict[str, Any] = {
        "task_id": uuid4(),
        "recorded_at": NOW,
        "updated_at": NOW,
        "task_type": "bug_fix",
        "task_description": "mend the login",
        "outcome": "success",
    }
    return Execution(**(defaults | values))


def passes(row: Execution, filters: Filters) -> bool:
    """What the filters mean, told without SQL."""
    days = filters.since_days
    return (
        filters.repo in (None, row.repo)
        and filters.task_type in (None, row.task_type)
        and filters.approach in (None, row.approach)
        and filters.model_tier in (None, row.model_tier)
        and filters.outcome in ("any", row.outcome)
        and (days is None or row.recorded_at >= NOW - timedelta(days=days))
        and row.recorded_at >= (filters.since or row.recorded_at)
    )


_awkward = st.sampled_from(AWKWARD)
_times = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | _awkward,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner)
    ),
    max_leaves=6,
)


def _text(most: int) -> st.SearchStrategy[str]:
    printable = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n")
    free = st.text(printable, min_size=1, max_size=min(most, 60)).filter(as_label)
    return free | _awkward


def _optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


_positive = _optional(st.floats(0, allow_infinity=False, allow_nan=False))
_details = st.builds(
    Details,
    file_count=_optional(st.integers(0, 2**31 - 1)),
    estimated_tokens=_optional(st.integers(0, 2**62)),
    routing_confidence=_optional(st.floats(0, 1)),
    complexity_score=_optional(st.floats(0, 100)),
    quality_score=_optional(st.floats(0, 100)),
    cost_estimate=_positive,
    peak_memory_mb=_positive,
    cpu_time_seconds=_positive,
    user_accepted=_optional(st.booleans()),
    user_rating=_optional(st.integers(1, 5)),
    uploaded_at=_optional(_times),
    metadata=_optional(st.dictionaries(_text(5), _json, max_size=3)),
    outcome_basis=_optional(st.sampled_from(get_args(OutcomeBasis))),
    outcome_confidence=_optional(st.floats(0, 1)),
    session_id=_optional(_text(100)),
    supersedes=_optional(st.uuids()),
)
requests = st.builds(
    RecordExecution,
    task_type=_text(50),
    task_description=_text(20_000),
    outcome=st.sampled_from(OUTCOMES),
    repo=_optional(_text(500)),
    approach=_optional(_text(200)),
    model_tier=_optional(_text(100)),
    pool_type=_optional(_text(100)),
    swarm_topology=_optional(_text(100)),
    solution_summary=_optional(_text(8_000)),
    error_type=_optional(_text(100)),
    error_message=_optional(_text(20_000)),
    duration_seconds=_positive,
    cost_usd=_positive,
    details=_details,
)
"""Any request that record_execution accepts."""


def recorded(request: RecordExecution, at: datetime = NOW) -> Execution:
    """The execution that a request asks for."""
    fields = request.model_dump(exclude={"task_id", "used_task_ids", "details", "traceparent"})
    details = request.details.model_dump(exclude={"files"})  # which are kept in metadata
    return Execution(task_id=uuid4(), recorded_at=at, updated_at=at, **fields, **details)


executions = st.builds(recorded, requests, _times)
"""Any execution that can come about."""

_few = _optional(st.sampled_from(["a", "b", "it's"]))
comparable = st.builds(
    execution,
    task_id=st.uuids(version=4),
    recorded_at=st.integers(0, 9 * 24).map(lambda hours: NOW - timedelta(hours=hours)),
    task_type=st.sampled_from(["a", "b"]),
    outcome=st.sampled_from(OUTCOMES),
    outcome_confidence=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
    repo=_few,
    approach=_few,
    model_tier=_few,
)
"""Executions with few different values, so that filters have something to tell apart."""

filters = st.builds(
    Filters,
    repo=_few,
    task_type=_few,
    approach=_few,
    model_tier=_few,
    outcome=st.sampled_from(["any", "any", "success", "failure", "pending"]),
    since_days=_optional(st.integers(1, 9)),
    since=_optional(st.integers(1, 9).map(lambda days: NOW - timedelta(days=days))),
)
