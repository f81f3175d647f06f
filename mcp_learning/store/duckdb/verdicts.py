"""Fills in the basis and confidence of outcomes that were stored before schema version 7."""

from mcp_learning.models.verdicts import OBSERVERS, REVERTED
from mcp_learning.store.duckdb.connection import Cursor

# Earlier versions recorded every commit as a success, with the directory that it changed most as
# the approach. A commit that an agent has updated since is left as it is.
_MEND_COMMITS = """
UPDATE executions SET approach = NULL, success = CASE WHEN success THEN NULL ELSE success END
WHERE outcome_basis IS NULL
    AND json_exists(metadata, '$.commit') AND json_exists(metadata, '$.committed_at')
    AND (updated_at = timestamp
        OR (NOT success AND starts_with(error_message, 'Reverted by commit ')))
"""

# The rules of `models.verdicts.with_verdict`, for all rows at once.
_ADD = """
UPDATE executions SET
    outcome_basis = basis,
    outcome_confidence = CASE basis WHEN 'told' THEN 1 WHEN 'git' THEN $reverted ELSE 0 END
FROM (
    SELECT task_id AS id, CASE
        WHEN success IS NULL THEN 'none'
        WHEN json_exists(metadata, '$.commit') AND json_exists(metadata, '$.committed_at')
            THEN CASE WHEN success THEN 'none' ELSE 'git' END
        WHEN NOT list_contains($observers, coalesce(json_extract_string(metadata, '$.source'), ''))
            THEN 'told'
        WHEN json_type(metadata, '$.told') = 'ARRAY'
            THEN CASE WHEN json_contains(metadata->'$.told', '"outcome"')
                THEN 'told' ELSE 'none' END
        WHEN error_type = 'crash' THEN 'none'
        ELSE 'told'
    END AS basis
    FROM executions WHERE outcome_basis IS NULL
)
WHERE task_id = id
"""
_ADD_SESSION = """
UPDATE executions SET session_id = left(json_extract_string(metadata, '$.session'), 100)
WHERE session_id IS NULL AND json_type(metadata, '$.session') = 'VARCHAR'
    AND json_extract_string(metadata, '$.session') <> ''
"""


def add_missing(cursor: Cursor) -> None:
    """Fills in the basis and the confidence of every outcome that has none, and session ids."""
    cursor.execute(_MEND_COMMITS)
    cursor.execute(_ADD, {"reverted": REVERTED, "observers": sorted(OBSERVERS)})
    cursor.execute(_ADD_SESSION)
