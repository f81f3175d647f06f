"""Normalises labels, task keys and error texts that older versions stored.

For rows of a database or an archive from before schema version 4; those of version 2 have no error
texts.
"""

from collections.abc import Mapping
from typing import Any

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.folding import as_label
from mcp_learning.models.identifiers import task_key
from mcp_learning.store.duckdb.columns import COLUMN_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import json_arrays
from mcp_learning.store.duckdb.queries import JSON_ROWS, assigned, from_json
from mcp_learning.store.types import LABELS

_BATCH = 2_000  # rows read at a time
_LABELS = (*LABELS, "error_type")
_COMPUTED = (*_LABELS, "error_text", "task_key")
_READ = ("sequence", "task_description", "error_message", *_COMPUTED)
# Only texts that aren't ASCII (fewer characters than bytes) may have another normal form.
_TO_CHECK = " OR ".join(
    [f"strlen({name}) > length({name})" for name in ("task_description", "error_message", *_LABELS)]
    + ["(error_message IS NOT NULL AND error_text IS NULL)"]
)
_ASSIGNED = assigned(from_json({name: COLUMN_TYPES[name] for name in _COMPUTED}))


def normalise(cursor: Cursor) -> None:
    """Normalises the labels of all executions, and computes their task keys and error texts."""
    last = -1
    while rows := cursor.execute(
        f"SELECT {', '.join(_READ)} FROM executions WHERE sequence > ? AND ({_TO_CHECK}) "
        "ORDER BY sequence LIMIT ?",
        [last, _BATCH],
    ).fetchall():
        stored = (dict(zip(_READ, row, strict=True)) for row in rows)
        changed = [new for old in stored if (new := _normal(old)) != old]
        for part in json_arrays(changed):
            cursor.execute(
                f"UPDATE executions SET {_ASSIGNED} FROM {JSON_ROWS} "
                "WHERE sequence = json_extract_string(row, '$.sequence')::BIGINT",
                [part],
            )
        last = rows[-1][0]


def _normal(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `_READ` in normal form."""
    labels = {name: row[name] and (as_label(row[name]) or row[name]) for name in _LABELS}
    message = row["error_message"]
    return {
        **row,
        **labels,
        "error_text": None if message is None else normal_form(message),
        "task_key": task_key(row["task_description"]),
    }
