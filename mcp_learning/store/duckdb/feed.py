"""The change feed of search: columns of executions as numpy arrays, and their texts.

It is read once at start-up and then by change number, so that a search queries the database only
for the few executions that it shows.
"""

from array import array
from collections.abc import Callable, Sequence

from mcp_learning.store.duckdb.bound_lists import AMONG_NUMBERS, joined
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import CODED, Columns, IndexedTexts

_ID = "replace(task_id::VARCHAR, '-', '')"
_HASHED = "task_id, task_description, solution_summary, error_type, error_message"

COLUMNS = f"""
    ('0x' || {_ID}[:16])::UBIGINT AS high, ('0x' || {_ID}[17:])::UBIGINT AS low,
    sequence, task_key, epoch_us(timestamp) AS timestamp,
    CASE WHEN success THEN 0 WHEN NOT success THEN 1 ELSE 2 END::TINYINT AS outcome,
    coalesce(outcome_confidence, 0)::FLOAT AS confidence,
    {", ".join(f"coalesce({name}::VARCHAR, '') AS {name}" for name in CODED)},
    solution_summary IS NOT NULL AS has_solution,
    hash({_HASHED}) AS text_hash, md5_number_lower(task_description) AS description_hash
"""
"""SQL: what `Columns` has of rows of `executions`, for `columns_of`."""


def read(cursor: Cursor, after_sequence: int = 0) -> Columns:
    """Executions that changed after the change number `after_sequence`."""
    return columns_of(
        cursor.execute(
            f"SELECT {COLUMNS} FROM executions x WHERE x.sequence > ? ORDER BY x.sequence",
            [after_sequence],
        )
    )


def columns_of(cursor: Cursor) -> Columns:
    """The result of a statement that selects or returns `COLUMNS`, by ascending change number."""
    import numpy as np  # the store opens without it

    found = {name: np.ma.getdata(column) for name, column in cursor.fetchnumpy().items()}
    labels = {name: found.pop(name) for name in CODED}
    return Columns(**found, labels=labels)


def consistent_snapshot(
    read_rows: Callable[[], Columns], deleted: "array[int]"
) -> tuple[Columns, int]:
    """Rows, and the length of the log of deletions that precede them.

    An execution that is deleted and recorded again during the read may be among the rows while its
    deletion isn't in the log yet; applied the next time, the deletion would remove the new
    execution. In that case the rows are read again.

    `deleted` has both halves of each deleted task_id, and grows during the read.
    """
    import numpy as np

    while True:
        known = len(deleted)  # taken before the read: these deletions were committed before it
        rows = read_rows()
        if not np.isin(rows.low, deleted[known + 1 :: 2]).any():
            return rows, known


def texts(cursor: Cursor, numbers: Sequence[int]) -> list[IndexedTexts]:
    """As `Store.texts`."""
    if not numbers:
        return []
    rows = cursor.execute(
        f"SELECT hash({_HASHED}), task_description, solution_summary, error_type, error_message "
        f"FROM executions WHERE sequence BETWEEN ? AND ? AND sequence {AMONG_NUMBERS}",
        [min(numbers), max(numbers), joined(numbers)],
    ).fetchall()
    return [IndexedTexts(row[0], tuple(row[1:])) for row in rows]
