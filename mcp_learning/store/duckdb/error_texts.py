"""SQL of failures by error text, and of the successes that followed them."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from mcp_learning.store.duckdb import spellings
from mcp_learning.store.duckdb.bound_lists import AMONG_UUIDS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.statistics import within
from mcp_learning.store.types import ErrorText, ErrorTexts, Period

# One pass over the runs of each task finds what follows each failure: a join would compare all with
# all, and an ASOF join takes twenty times as long. Texts join after that, so as not to be sorted.
_ERRORS = """
WITH ended AS (
    SELECT task_id, timestamp, task_key, coalesce(repository, '') AS repository, success,
        CASE WHEN success AND solution_summary IS NOT NULL
            THEN struct_pack(at := timestamp, task_id := task_id) END AS solved
    FROM {executions} WHERE success IS NOT NULL AND {period}
),
followed AS (
    SELECT task_id, first_value(solved IGNORE NULLS) OVER (
        PARTITION BY task_key, repository ORDER BY timestamp, success DESC, task_id
        ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS fix
    FROM ended
),
failed AS (
    SELECT task_id, timestamp, error_type,
        coalesce(nullif(error_text, ''), error_type, 'no error recorded') AS text
    FROM executions WHERE NOT success AND {period}
        AND (outcome_confidence >= 0.5 OR error_text IS NOT NULL OR error_type IS NOT NULL)
)
SELECT text, mode(error_type ORDER BY error_type), count(*), count(fix),
    max(struct_pack(at := timestamp, task_id := task_id), {examples}),
    max(struct_pack(at := fix.at, task_id := fix.task_id, after := epoch(fix.at - timestamp)),
        {fixes}) FILTER (fix IS NOT NULL),
    sum(count(*)) OVER ()
FROM failed JOIN followed USING (task_id)
GROUP BY text ORDER BY count(*) DESC, text LIMIT ?
"""

# Only the successes that came next are compared: a fix comes soon, and thousands of vectors don't.
# Vectors join last, so that the window sorts none.
_SIMILAR = f"""
WITH named AS (SELECT task_id, repository, kind, timestamp, success, solution_summary
    FROM {{executions}}
),
failed AS (
    SELECT task_id, repository, kind, timestamp FROM named
    WHERE task_id {AMONG_UUIDS} AND repository IS NOT NULL
),
candidates AS (
    SELECT f.task_id AS failure, s.task_id
    FROM failed f JOIN named s
        ON s.repository = f.repository AND s.kind = f.kind AND s.timestamp > f.timestamp
    WHERE s.success AND s.solution_summary IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY f.task_id ORDER BY s.timestamp, s.task_id) <= ?
)
SELECT failure, max(struct_pack(cosine := cosine, task_id := task_id)).task_id FROM (
    SELECT c.failure, c.task_id, array_cosine_similarity(a.embedding, b.embedding) AS cosine
    FROM candidates c JOIN embeddings a ON a.task_id = c.failure
        JOIN embeddings b ON b.task_id = c.task_id AND b.model = a.model
)
WHERE cosine >= ? GROUP BY 1
"""


def error_texts(
    cursor: Cursor, period: Period, limit: int, *, examples: int, fixes: int
) -> ErrorTexts:
    """As `Store.error_texts`; failures without a text go by their type."""
    where, values = within(cursor, period)
    table, named = spellings.with_repository(cursor)
    query = _ERRORS.format(executions=table, period=where, examples=int(examples), fixes=int(fixes))
    rows = cursor.execute(query, [*named, *values * 2, limit]).fetchall()
    return ErrorTexts([_error_text(row) for row in rows], int(rows[0][6]) if rows else 0)


def _error_text(row: Sequence[Any]) -> ErrorText:
    text, error_type, count, fixed, examples, fixes = row[:6]
    return ErrorText(
        text,
        error_type,
        count,
        fixed,
        examples=tuple((one["at"].replace(tzinfo=UTC), one["task_id"]) for one in examples),
        fixes=tuple((one["after"], one["task_id"]) for one in fixes or ()),
    )


def similar_successes(
    cursor: Cursor, failures: Sequence[UUID], *, nearest: int, least: float
) -> dict[UUID, UUID]:
    """As `Store.similar_successes`."""
    if not failures:
        return {}
    table, named = spellings.with_repository(
        cursor, spellings.with_label(cursor, "task_type", "kind")
    )
    query = _SIMILAR.format(executions=table)
    return dict(cursor.execute(query, [*named, joined(failures), nearest, least]).fetchall())
