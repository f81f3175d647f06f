"""All SQL of the evaluation: ended executions with what was tried, their texts and vectors."""

from mcp_learning.models.requests import Dimension
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import EndedRun


def ended(cursor: Cursor, by: Dimension, limit: int, offset: int = 0) -> list[EndedRun]:
    """The last `limit` ended executions that have a vector and name their `by`, oldest first.

    Without the very last ones, as many as `offset`.
    """
    found = cursor.execute(
        f"SELECT x.timestamp, x.updated_at, x.task_key, coalesce(x.repo, ''), x.task_type, x.{by}, "
        "x.success, x.task_description, x.solution_summary, x.error_type, x.error_message, "
        "e.embedding FROM executions x JOIN embeddings e USING (task_id) "
        f"WHERE x.success IS NOT NULL AND x.{by} IS NOT NULL "
        "ORDER BY x.timestamp DESC, x.sequence DESC LIMIT ? OFFSET ?",
        [limit, offset],
    )
    import numpy as np

    past = [
        EndedRun(
            at, changed, key, repo, kind, label, won, tuple(texts), np.array(vector, np.float32)
        )
        for at, changed, key, repo, kind, label, won, *texts, vector in found.fetchall()
    ]
    past.reverse()
    return past
