"""Bulk insert through Arrow: executions with their vectors, tens of thousands of rows a second."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import COLUMN_TYPES, to_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CASTS = ", ".join(f"b.{name}::{kind} AS {name}" for name, kind in COLUMN_TYPES.items())


def insert(
    cursor: Cursor,
    executions: Sequence[Execution],
    task_keys: Sequence[int],
    vectors: "NDArray[np.float32] | None" = None,
    fingerprint: str = "",
) -> None:
    """Adds n new executions, and their vectors where given.

    Args:
        cursor: Inside a transaction.
        executions: n executions with new task_ids.
        task_keys: n keys, one per execution.
        vectors: (n, dimension) float32, L2-normalised, or None to leave them to the queue.
        fingerprint: The model that made the vectors.
    """
    import pyarrow as pa

    columns = to_columns(executions, task_keys)
    cursor.register("batch", pa.table(columns))
    cursor.execute(
        f"INSERT INTO executions BY NAME SELECT {_CASTS}, "
        "nextval('execution_sequence') AS sequence FROM batch b"
    )
    if vectors is not None:
        flat = pa.array(vectors.ravel())
        embedded = pa.table(
            {
                "task_id": columns["task_id"],
                "embedding": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            }
        )
        cursor.register("embedded", embedded)
        cursor.execute(
            "INSERT INTO embeddings "
            "SELECT task_id::UUID, nextval('embedding_version'), embedding, ? FROM embedded",
            [fingerprint],
        )
