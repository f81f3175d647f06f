"""Makes a `Judgement` from the verdict of a source."""

from datetime import datetime
from uuid import UUID

from mcp_learning.clients.transfer.imported import clean_and_truncate
from mcp_learning.models.corrections import Judgement
from mcp_learning.models.verdicts import LONGEST_REASON, Source, Verdict


def judgement(task_id: UUID, source: Source, verdict: Verdict, at: datetime) -> Judgement:
    """The judgement of an execution by a source, known since `at`."""
    return Judgement(
        task_id=task_id,
        source=source,
        outcome=verdict.outcome,
        outcome_basis=verdict.basis,
        confidence=verdict.confidence,
        why=clean_and_truncate(verdict.why, LONGEST_REASON),
        at=at,
    )
