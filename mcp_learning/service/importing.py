"""Prepares imported executions for the store: drops excluded repositories, removes secrets.

An imported execution is identified by its task_id, which its reader derives in the same way each
time. A stored one stays unchanged, unless the source says that it changed later: then the given
fields replace the stored ones, except told fields (`models.provenance`). So importing a batch again
changes nothing, and additions by agents are kept.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from mcp_learning.models.transfer import PastExecution
from mcp_learning.redaction.exclusion import is_excluded
from mcp_learning.redaction.executions import redact_execution
from mcp_learning.redaction.secrets import redact
from mcp_learning.store.types import Incoming


def kept(
    records: Sequence[PastExecution],
    excluded: str,
    stored: Mapping[UUID, str | None] = MappingProxyType({}),
) -> list[PastExecution]:
    """The records that aren't of an excluded repository; blocks, since it inspects directories.

    `stored` has the repositories of those that exist, which count, too.
    """
    return [
        record
        for record in records
        if not is_excluded(record.execution.repo, excluded, record.repo_known_as)
        and not is_excluded(stored.get(record.task_id), excluded)
    ]


def prepare(
    records: Sequence[PastExecution], stored: Mapping[UUID, datetime]
) -> tuple[list[Incoming], int]:
    """The batch for `Store.import_batch`, and how many secrets were removed.

    Takes milliseconds for long texts. `stored` has the times, UTC, at which those that exist were
    last changed.
    """
    batch, redactions = [], 0
    for record in records:
        given = None
        if record.task_id not in stored or record.is_newer(stored[record.task_id]):
            given, removed = redact_execution(record.execution)
            redactions += removed
            changed = record.updated_at or record.recorded_at
            given |= {"recorded_at": record.recorded_at, "updated_at": changed}
        feedback = []
        for one in record.feedback:
            comment, removed = redact(one.comment or "")
            redactions += removed
            feedback.append(one.model_copy(update={"comment": comment or None}))
        batch.append(Incoming(record.model_copy(update={"feedback": feedback}), given))
    return batch, redactions
