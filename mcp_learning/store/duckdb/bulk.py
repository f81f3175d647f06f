"""Executions in bulk, with or without their vectors: ten thousand rows a second."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb import embeddings
from mcp_learning.store.duckdb.arrow_batch import ArrowBatch
from mcp_learning.store.duckdb.columns import COLUMN_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import to_columns

_ASSIGNED = ", ".join(
    f"{name} = b.{name}::{kind}" for name, kind in COLUMN_TYPES.items() if name != "task_id"
)
_CASTS = ", ".join(f"b.{name}::{kind} AS {name}" for name, kind in COLUMN_TYPES.items())


def insert(
    cursor: Cursor,
    executions: Sequence[Execution],
    task_keys: Sequence[int],
    vectors: NDArray[np.float32] | None = None,
    fingerprint: str = "",
    passages: Mapping[UUID, NDArray[np.float32]] | None = None,
) -> None:
    """Adds n new executions, and their vectors where given.

    Args:
        cursor: Inside a transaction.
        executions: n executions with new task_ids.
        task_keys: n keys, one per execution.
        vectors: (n, dimension) float32, L2-normalised, or None to leave them to the queue.
        fingerprint: The model that made the vectors.
        passages: Those of further passages, (k, dimension) float32, by task_id.
    """
    columns = to_columns(executions, task_keys)
    cursor.register("batch", ArrowBatch(columns, COLUMN_TYPES))
    cursor.execute(
        f"INSERT INTO executions BY NAME SELECT {_CASTS}, "
        "nextval('execution_sequence') AS sequence FROM batch b"
    )
    if vectors is not None:
        embedded = ArrowBatch({"task_id": columns["task_id"], "embedding": vectors})
        cursor.register("embedded", embedded)
        cursor.execute(
            "INSERT INTO embeddings "
            "SELECT task_id::UUID, nextval('embedding_version'), embedding, ? FROM embedded",
            [fingerprint],
        )
    if passages:
        embeddings.store_passages(cursor, list(passages.items()), "embeddings")


def update(cursor: Cursor, executions: Sequence[Execution], task_keys: Sequence[int]) -> None:
    """Replaces all columns of n executions that exist, each of them once.

    Args:
        cursor: Inside a transaction.
        executions: n executions with different task_ids.
        task_keys: n keys, one per execution.
    """
    cursor.register("batch", ArrowBatch(to_columns(executions, task_keys), COLUMN_TYPES))
    cursor.execute(
        f"UPDATE executions SET {_ASSIGNED}, sequence = nextval('execution_sequence') "
        "FROM batch b WHERE executions.task_id = b.task_id::UUID"
    )
