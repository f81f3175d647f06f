"""SQL on labels with several spellings: rows keep the recorded one, queries match all of them."""

import json
from collections import defaultdict
from collections.abc import Mapping

from mcp_learning.models.folding import normalised
from mcp_learning.redaction.repositories import matching, merged
from mcp_learning.store.duckdb.connection import Cursor

FOLDED = ("task_type", "approach", "model_tier", "pool_type")
"""Labels to group by whose case and signs between words don't count."""

_ALL: tuple[str, list[object]] = ("executions", [])


def is_repository(cursor: Cursor, repo: str) -> tuple[str, list[object]]:
    """A condition on executions of a repository, in any spelling, and the values that it binds."""
    return _is_one_of("repo", matching(repo, _counts(cursor, "repo")) or [repo])


def is_label(cursor: Cursor, column: str, label: str) -> tuple[str, list[object]]:
    """The same for one of `FOLDED`."""
    known = [one for one in _counts(cursor, column) if normalised(one) == normalised(label)]
    return _is_one_of(column, known or [label])


def with_repository(
    cursor: Cursor, table: tuple[str, list[object]] = _ALL
) -> tuple[str, list[object]]:
    """The executions with another column, `repository`, and the values that this binds.

    The column is the same for all spellings of a repository: the one to show, NULL without any.

    Args:
        cursor: On the database.
        table: What one of these functions has returned, to which the column is added.
    """
    return _with_shown("repo", "repository", merged(_counts(cursor, "repo")), table)


def with_label(
    cursor: Cursor, column: str, name: str, table: tuple[str, list[object]] = _ALL
) -> tuple[str, list[object]]:
    """The same with a column `name` for one of `FOLDED`: the commonest spelling."""
    counts, spellings = _counts(cursor, column), defaultdict(list)
    for label in counts:
        spellings[normalised(label)].append(label)
    best = {key: min(some, key=lambda one: (-counts[one], one)) for key, some in spellings.items()}
    return _with_shown(column, name, {label: best[normalised(label)] for label in counts}, table)


def _is_one_of(column: str, spellings: list[str]) -> tuple[str, list[object]]:
    if len(spellings) == 1:
        return f"{column} = ?", [spellings[0]]
    return f"{column} IN (SELECT unnest(from_json(?, '[\"VARCHAR\"]')))", [json.dumps(spellings)]


def _with_shown(
    column: str, name: str, best: Mapping[str, str], table: tuple[str, list[object]]
) -> tuple[str, list[object]]:
    executions, given = table
    shown = {spelling: one for spelling, one in best.items() if spelling != one}
    if not shown:
        return f"(SELECT *, {column} AS {name} FROM {executions})", given
    return (
        f"(SELECT x.*, coalesce(r.best, x.{column}) AS {name} FROM {executions} x LEFT JOIN ("
        "SELECT unnest(map_entries(from_json(?, '\"MAP(VARCHAR, VARCHAR)\"')), recursive := true)"
        f") r(spelling, best) ON r.spelling = x.{column})",
        [*given, json.dumps(shown)],
    )


def _counts(cursor: Cursor, column: str) -> dict[str, int]:
    """How many executions have each spelling."""
    rows = cursor.execute(
        f"SELECT {column}, count(*) FROM executions WHERE {column} IS NOT NULL GROUP BY 1"
    ).fetchall()
    return dict(rows)
