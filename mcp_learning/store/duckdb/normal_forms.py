"""Brings labels and task keys to the form that new ones have, so that equal ones are equal.

It is for rows that a version before schema version 4 wrote, in a database or an archive.
"""

from typing import Any

from mcp_learning.models.folding import as_label
from mcp_learning.models.identifiers import task_key
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import json_arrays
from mcp_learning.store.types import LABELS

_BATCH = 2_000
"""Rows that are looked at at a time."""

_LABELS = (*LABELS, "error_type")
# Other texts than ASCII alone have several forms: fewer characters than bytes.
_SEVERAL_FORMS = " OR ".join(
    f"strlen({name}) > length({name})" for name in ("task_description", *_LABELS)
)


def normalise(cursor: Cursor) -> None:
    """Composes the labels of all executions and computes the keys of their tasks anew."""
    last = -1
    while rows := cursor.execute(
        f"SELECT sequence, task_key, task_description, {', '.join(_LABELS)} FROM executions "
        f"WHERE sequence > ? AND ({_SEVERAL_FORMS}) ORDER BY sequence LIMIT ?",
        [last, _BATCH],
    ).fetchall():
        changed = [new for row in rows if (new := _normal(*row)) is not None]
        for part in json_arrays(changed):
            assigned = (f"{name} = json_extract_string(row, '$.{name}')" for name in _LABELS)
            cursor.execute(
                f"UPDATE executions SET {', '.join(assigned)}, "
                "task_key = json_extract_string(row, '$.task_key')::BIGINT "
                "FROM (SELECT unnest(json_extract(?, '$[*]')) AS row) "
                "WHERE sequence = json_extract_string(row, '$.sequence')::BIGINT",
                [part],
            )
        last = rows[-1][0]


def _normal(
    sequence: int, key: int, description: str, *labels: str | None
) -> dict[str, Any] | None:
    """The values of a row in normal form, as JSON has them; None if they are."""
    composed = tuple(None if label is None else as_label(label) or label for label in labels)
    new_key = task_key(description)
    if composed == labels and new_key == key:
        return None
    values = dict(zip(_LABELS, composed, strict=True))
    return {"sequence": sequence, "task_key": new_key, **values}
