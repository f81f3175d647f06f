"""What an import does to the truth: secrets out, nothing twice, what is newer stays.

An imported execution is known by its task_id, which its reader makes the same each time. One that
is there already is left alone, unless the source says that it changed later than what is stored:
then the given fields replace the stored ones, as an update through record_execution does. So a
batch that is stored again changes nothing, and what agents added meanwhile is kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import Imported, PastExecution
from mcp_learning.redaction.secrets import redact
from mcp_learning.store.duckdb import embeddings, executions, transfer
from mcp_learning.store.duckdb.connection import Cursor

Cleaner = Callable[[RecordExecution], tuple[dict[str, Any], int]]
"""The fields of a request by field of an Execution, secrets removed; how many were removed."""


class Prepared(NamedTuple):
    """A record on its way to the database.

    Attributes:
        record: The record; its feedback has no secrets.
        given: Fields of an Execution without secrets; None if they aren't wanted.
        redactions: How many secrets were removed.
    """

    record: PastExecution
    given: dict[str, Any] | None
    redactions: int


def prepare(
    records: Sequence[PastExecution], there: Mapping[UUID, datetime], clean: Cleaner
) -> list[Prepared]:
    """Removes secrets from what is wanted, given when what is there was changed; takes long."""
    return [_prepared(record, there, clean) for record in records]


def write(cursor: Cursor, prepared: Sequence[Prepared]) -> Imported:
    """Stores a batch; called inside a transaction."""
    counts = dict.fromkeys(Imported.model_fields, 0)
    stored: list[PastExecution] = []
    for distinct in _rounds(prepared):
        there = transfer.updated(cursor, [one.record.task_id for one in distinct])
        wanted = [one for one in distinct if one.given is not None]
        new = [one for one in wanted if one.record.task_id not in there]
        newer = [one for one in wanted if is_newer(one.record, there)]
        _insert(cursor, new)
        for one in newer:
            _update(cursor, one)
        counts["created"] += len(new)
        counts["updated"] += len(newer)
        counts["unchanged"] += len(distinct) - len(new) - len(newer)
        stored += [one.record for one in new]
        stored += [one.record for one in distinct if one.record.task_id in there]
    counts["redactions"] = sum(one.redactions for one in prepared)
    transfer.add_hanging(cursor, stored)
    return Imported(**counts)


def preview(cursor: Cursor, prepared: Sequence[Prepared]) -> Imported:
    """What `write` would do, found out by reading alone."""
    there = transfer.updated(cursor, [one.record.task_id for one in prepared])
    created = len({one.record.task_id for one in prepared} - there.keys())
    changed = {one.record.task_id for one in prepared if is_newer(one.record, there)}
    return Imported(
        created=created,
        updated=len(changed),
        unchanged=len(prepared) - created - len(changed),
        redactions=sum(one.redactions for one in prepared),
    )


def is_newer(record: PastExecution, there: Mapping[UUID, datetime]) -> bool:
    """Whether a record that is there was changed at its source since."""
    stored = there.get(record.task_id)
    return stored is not None and record.updated_at is not None and record.updated_at > stored


def _prepared(record: PastExecution, there: Mapping[UUID, datetime], clean: Cleaner) -> Prepared:
    given, redactions = None, 0
    if record.task_id not in there or is_newer(record, there):
        given, redactions = clean(record.execution)
        moment = record.updated_at or record.recorded_at
        given |= {"recorded_at": record.recorded_at, "updated_at": moment}
    feedback = []
    for one in record.feedback:
        comment, removed = redact(one.comment or "")
        feedback.append(one.model_copy(update={"comment": comment or None}))
        redactions += removed
    return Prepared(record.model_copy(update={"feedback": feedback}), given, redactions)


def _rounds(prepared: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    """Parts in which no id is twice, in the order that the records of an id have."""
    left = list(prepared)
    while left:
        first: dict[UUID, Prepared] = {}
        left = [one for one in left if first.setdefault(one.record.task_id, one) is not one]
        yield list(first.values())


def _insert(cursor: Cursor, new: Sequence[Prepared]) -> None:
    if new:
        made = [Execution(task_id=one.record.task_id, **(one.given or {})) for one in new]
        executions.insert_many(cursor, made, [task_key(one.task_description) for one in made])


def _update(cursor: Cursor, one: Prepared) -> None:
    task_id = one.record.task_id
    old = executions.get(cursor, task_id)
    if old is None or one.given is None:
        raise LookupError(f"{task_id} was there in this very transaction")
    changed = old.model_copy(update=one.given)
    executions.update(cursor, changed, task_key(changed.task_description))
    if changed.task_description != old.task_description:
        embeddings.remove(cursor, task_id)
