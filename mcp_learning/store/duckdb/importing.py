"""Merges a batch of imported executions; stored values that are newer or were told stay."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from mcp_learning.models import provenance
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import PastExecution
from mcp_learning.store.duckdb import embeddings, executions, transfer
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.duckdb.outbox import Outbox
from mcp_learning.store.types import BatchCounts, Incoming


def write(cursor: Cursor, batch: Sequence[Incoming], outbox: Outbox) -> BatchCounts:
    """Stores a batch, with its entries in the outbox; called inside a transaction."""
    created = updated = unchanged = 0
    stored: list[PastExecution] = []
    for distinct in _rounds(batch):
        present = transfer.updated(cursor, [one.record.task_id for one in distinct])
        wanted = [one for one in distinct if one.given is not None]
        new = [one for one in wanted if one.record.task_id not in present]
        newer = [one for one in wanted if _is_newer(one, present)]
        _insert(cursor, new, outbox)
        for one in newer:
            _update(cursor, one, outbox)
        created += len(new)
        updated += len(newer)
        unchanged += len(distinct) - len(new) - len(newer)
        stored += [one.record for one in new]
        stored += [one.record for one in distinct if one.record.task_id in present]
    transfer.add_feedback_and_uses(cursor, stored)
    outbox.imported(cursor, stored)
    return BatchCounts(created, updated, unchanged)


def preview(cursor: Cursor, batch: Sequence[Incoming]) -> BatchCounts:
    """The counts that `write` would return, without writing."""
    present = transfer.updated(cursor, [one.record.task_id for one in batch])
    created = len({one.record.task_id for one in batch} - present.keys())
    changed = {one.record.task_id for one in batch if _is_newer(one, present)}
    return BatchCounts(created, len(changed), len(batch) - created - len(changed))


def _rounds(batch: Sequence[Incoming]) -> Iterator[list[Incoming]]:
    """Splits a batch so that no part has an id twice; records of an id keep their order."""
    left = list(batch)
    while left:
        first: dict[UUID, Incoming] = {}
        repeated = []
        for one in left:
            if one.record.task_id in first:
                repeated.append(one)
            else:
                first[one.record.task_id] = one
        yield list(first.values())
        left = repeated


def _is_newer(one: Incoming, present: Mapping[UUID, datetime]) -> bool:
    stored = present.get(one.record.task_id)
    return stored is not None and one.record.is_newer(stored)


def _insert(cursor: Cursor, new: Sequence[Incoming], outbox: Outbox) -> None:
    if new:
        made = [Execution(task_id=one.record.task_id, **(one.given or {})) for one in new]
        executions.insert_many(cursor, made)
        outbox.created(cursor, made)


def _update(cursor: Cursor, one: Incoming, outbox: Outbox) -> None:
    task_id = one.record.task_id
    old = executions.get(cursor, task_id)
    if old is None:
        raise LookupError(f"{task_id} was there in this very transaction")
    changed = provenance.merge_source(old, one.given or {})
    executions.update(cursor, changed)
    outbox.changed(cursor, old, changed)
    if changed.task_description != old.task_description:
        embeddings.remove(cursor, task_id)
