"""What later facts say of executions, in the form in which the database takes it."""

from datetime import datetime
from uuid import UUID

from mcp_learning.clients.values import truncate
from mcp_learning.models.corrections import Judgement
from mcp_learning.models.verdicts import LONGEST_REASON, Source, Verdict


def judgement(task_id: UUID, source: Source, verdict: Verdict, at: datetime) -> Judgement:
    """The verdict of a source on an execution, as it is known since `at`."""
    return Judgement(
        task_id=task_id,
        source=source,
        outcome=verdict.outcome,
        outcome_basis=verdict.basis,
        confidence=verdict.confidence,
        why=truncate(verdict.why, LONGEST_REASON),
        at=at,
    )
