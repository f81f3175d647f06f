"""Shorthands for the contract: they use nothing but the protocol."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray
from store.rows import NOW, execution

from mcp_learning.models.results import Execution, Feedback
from mcp_learning.store.protocol import Merge, Store
from mcp_learning.store.types import Changes, Period, StoredExecution

OpenStore = Callable[[], Awaitable[Store]]
"""Opens the store of this test, once more after it was closed."""

DIMENSION = 384
MODEL = "a model"
EVER = Period(datetime(1970, 1, 1, tzinfo=NOW.tzinfo), datetime(2100, 1, 1, tzinfo=NOW.tzinfo))


async def record(store: Store, **values: Any) -> Execution:
    """Stores a new execution; `used` says which it used."""
    used = values.pop("used", ())
    new = execution(**values)
    done = await store.upsert(new.task_id, lambda _: new, used, NOW)
    assert done.created
    return new


async def get(store: Store, task_id: UUID) -> StoredExecution:
    """An execution that exists."""
    found = await store.get(task_id)
    assert found is not None
    return found


def changed(**values: Any) -> Merge:
    """Changes these fields of an execution that exists."""

    def merge(stored: Execution | None) -> Execution:
        assert stored is not None
        return stored.model_copy(update=values)

    return merge


async def rate(store: Store, task_id: UUID, **values: Any) -> int | None:
    """Appends feedback to an execution."""
    given = Feedback(submitted_at=NOW, **values)
    return await store.add_feedback(task_id, uuid4(), given, lambda _: None)


def units(*positions: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """(n, dimension) unit vectors along these axes."""
    return np.eye(dimension, dtype=np.float32)[list(positions)]


async def embed(store: Store, *positions: int) -> dict[UUID, int]:
    """Stores a unit vector for each of the oldest executions that have none."""
    rows = await store.unembedded(len(positions))
    assert len(rows) == len(positions)
    return await store.put_vectors(rows, units(*positions), MODEL)


def ids_in(changes: Changes) -> list[UUID]:
    """The executions that were created or changed."""
    pairs = zip(changes.rows.high.tolist(), changes.rows.low.tolist(), strict=True)
    return [_uuid(high, low) for high, low in pairs]


def deleted_in(changes: Changes) -> list[UUID]:
    """The executions that were deleted."""
    return [_uuid(high, low) for high, low in changes.deleted.tolist()]


def _uuid(high: int, low: int) -> UUID:
    return UUID(int=high << 64 | low)
