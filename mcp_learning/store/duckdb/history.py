"""SQL of the replay: executions with their labels, texts, vectors and votes."""

import json
from typing import Any

from mcp_learning.models.requests import Dimension
from mcp_learning.models.verdicts import observed
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.traces import paths_in, recovered_in
from mcp_learning.store.duckdb.votes import EACH_VOTE
from mcp_learning.store.past_run import PastRun

_LATEST = f"""
WITH chosen AS (
    SELECT x.*, x.{{by}} AS label, e.embedding
    FROM executions x LEFT JOIN embeddings e USING (task_id)
    WHERE ? OR (x.success IS NOT NULL AND label IS NOT NULL AND e.embedding IS NOT NULL)
    ORDER BY x.timestamp DESC, x.sequence DESC LIMIT ? OFFSET ?
), voted AS (
    SELECT task_id, list(known_at ORDER BY known_at, pro) AS times,
        list(pro ORDER BY known_at, pro) AS pros
    FROM ({EACH_VOTE}) SEMI JOIN chosen USING (task_id) WHERE pro IS NOT NULL GROUP BY task_id
)
SELECT timestamp, updated_at, task_key, coalesce(repo, ''), task_type, coalesce(label, ''), success,
    [task_description, solution_summary, error_type, error_message], embedding, times, pros,
    try_cast(json_extract_string(metadata, '$.propensity') AS DOUBLE),
    coalesce(outcome_confidence, 0),
    CASE WHEN outcome_basis = 'told' AND success IS NOT NULL THEN metadata->>'$.verdicts' END,
    metadata->'$.files', metadata->'$.recovered'
FROM chosen LEFT JOIN voted USING (task_id) ORDER BY timestamp, sequence
"""
_NAMED = ("recorded_at", "updated_at", "task_key", "repo", "task_type", "label", "success")


def latest(
    cursor: Cursor, by: Dimension, limit: int, offset: int = 0, *, complete: bool = True
) -> list[PastRun]:
    """As `Store.history`."""
    found = cursor.execute(_LATEST.format(by=by), [complete, limit, offset])
    return [_past_run(row) for row in found.fetchall()]


def _past_run(row: tuple[Any, ...]) -> PastRun:
    import numpy as np  # the store opens without it

    texts, vector, times, pros, propensity, confidence, verdicts, files, recovered = row[7:]
    return PastRun(
        **dict(zip(_NAMED, row, strict=False)),
        texts=tuple(texts),
        vector=None if vector is None else np.array(vector, np.float32),
        votes=tuple(zip(times or (), pros or (), strict=True)),
        propensity=propensity if propensity is not None and 0 < propensity <= 1 else None,
        confidence=confidence,
        observed=None if verdicts is None else observed(json.loads(verdicts)),
        files=tuple(paths_in(files)),
        recovered=tuple((one.failed, one.worked) for one in recovered_in(recovered)),
    )
