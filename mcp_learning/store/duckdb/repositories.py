"""SQL conditions on repositories: rows keep the recorded spelling, queries match all spellings."""

import json

from mcp_learning.redaction.repositories import matching, merged
from mcp_learning.store.duckdb.connection import Cursor


def is_repository(cursor: Cursor, repo: str) -> tuple[str, list[object]]:
    """A condition on executions of a repository, in any spelling, and the values that it binds."""
    spellings = matching(repo, _counts(cursor)) or [repo]
    if len(spellings) == 1:
        return "repo = ?", [spellings[0]]
    return "repo IN (SELECT unnest(from_json(?, '[\"VARCHAR\"]')))", [json.dumps(spellings)]


def with_repository(cursor: Cursor) -> tuple[str, list[object]]:
    """The executions with another column, `repository`, and the values that this binds.

    The column is the same for all spellings of a repository: the one to show, NULL without any.
    """
    shown = {name: best for name, best in merged(_counts(cursor)).items() if name != best}
    if not shown:
        return "(SELECT *, repo AS repository FROM executions)", []
    return (
        "(SELECT x.*, coalesce(r.shown, x.repo) AS repository FROM executions x LEFT JOIN ("
        "SELECT unnest(map_entries(from_json(?, '\"MAP(VARCHAR, VARCHAR)\"')), recursive := true)"
        ") r(name, shown) ON r.name = x.repo)",
        [json.dumps(shown)],
    )


def _counts(cursor: Cursor) -> dict[str, int]:
    """How many executions have each spelling."""
    rows = cursor.execute(
        "SELECT repo, count(*) FROM executions WHERE repo IS NOT NULL GROUP BY 1"
    ).fetchall()
    return dict(rows)
