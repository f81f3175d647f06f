"""What policy does to an import before the store merges it: some is kept out, secrets are removed.

An imported execution is known by its task_id, which its reader makes the same each time. One that
is stored is left alone, unless the source says that it changed later: then the given fields replace
the stored ones, but for those that were told (`models.provenance`). So a batch that is imported
again changes nothing, and what agents added meanwhile is kept.
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
    """The records without those of excluded repositories; blocks, since directories are looked at.

    Of those that exist, the `stored` repositories count, too.
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
    """What `Store.import_batch` takes, and how many secrets were removed from it.

    Takes milliseconds for long texts. `stored` is when those that exist were last changed, UTC.
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
