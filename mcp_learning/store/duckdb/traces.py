"""SQL of traces: the files that executions changed, and commands that failed and then worked."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from mcp_learning.store.duckdb import spellings
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.traces import Recovered, Trace

LONGEST_TEXT = 1_000  # characters of a description, an error or a solution
LONGEST_PATH = 500  # characters

_SESSION = "coalesce(session_id, json_extract_string(metadata, '$.session'))"
_TRACES = """
SELECT task_id, timestamp, success, left(task_description, ?),
    left(coalesce(error_message, error_type, ''), ?), left(coalesce(solution_summary, ''), ?),
    metadata->'$.files', metadata->'$.recovered', {session}
FROM executions
WHERE ({condition})
    AND (json_exists(metadata, '$.recovered') OR json_exists(metadata, '$.files'))
ORDER BY timestamp DESC, task_id LIMIT ?
"""


def traces(cursor: Cursor, repos: Sequence[str], limit: int) -> list[Trace]:
    """As `Store.traces`."""
    if not repos:
        return []
    conditions = [spellings.is_repository(cursor, repo) for repo in dict.fromkeys(repos)]
    values = [value for _, bound in conditions for value in bound]
    rows = cursor.execute(
        _TRACES.format(
            session=_SESSION, condition=" OR ".join(condition for condition, _ in conditions)
        ),
        [LONGEST_TEXT, LONGEST_TEXT, LONGEST_TEXT, *values, limit],
    ).fetchall()
    return [_trace(row) for row in rows]


def _trace(row: Sequence[Any]) -> Trace:
    task_id, at, success, description, error, solution, files, recovered, session = row
    return Trace(
        *(task_id, at.replace(tzinfo=UTC), success, description, error, solution),
        tuple(paths_in(files)),
        tuple(recovered_in(recovered)),
        session or "",
    )


def sessions(cursor: Cursor, task_ids: Sequence[UUID]) -> dict[UUID, str]:
    """As `Store.sessions`."""
    rows = cursor.execute(
        f"SELECT task_id, {_SESSION} FROM executions WHERE task_id {AMONG_UUIDS}",
        [joined(task_ids)],
    ).fetchall()
    return {task_id: session for task_id, session in rows if session}


def _items(text: str | None) -> list[Any]:
    found = json.loads(text) if text else []  # metadata is anybody's
    return found if isinstance(found, list) else []


def paths_in(text: str | None) -> Iterable[str]:
    """The valid paths in `metadata.files`."""
    for one in _items(text):
        path = one.get("path") if isinstance(one, dict) else one
        if isinstance(path, str) and 0 < len(path) <= LONGEST_PATH:
            yield path


def recovered_in(text: str | None) -> Iterable[Recovered]:
    """The valid items of `metadata.recovered`."""
    for one in _items(text):
        if not isinstance(one, dict):
            continue
        failed, error, worked = (one.get(name) for name in Recovered._fields)
        if isinstance(failed, str) and failed:
            yield Recovered(failed, str(error or ""), str(worked or ""))
