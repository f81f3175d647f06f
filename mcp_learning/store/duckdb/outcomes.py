"""All SQL of the evaluation: ended executions with what was tried, their texts and vectors."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mcp_learning.models.requests import Dimension
from mcp_learning.store.duckdb.connection import Cursor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Past:
    """One ended execution; times are UTC, without a zone."""

    recorded_at: datetime
    updated_at: datetime
    task_key: int
    repo: str
    task_type: str
    label: str
    success: bool
    texts: tuple[str | None, ...]
    vector: "NDArray[np.float32]"


def ended(cursor: Cursor, by: Dimension, limit: int, offset: int = 0) -> list[Past]:
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
        Past(at, changed, key, repo, kind, label, won, tuple(texts), np.array(vector, np.float32))
        for at, changed, key, repo, kind, label, won, *texts, vector in found.fetchall()
    ]
    past.reverse()
    return past
