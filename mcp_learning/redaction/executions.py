"""Which fields of an execution are redacted."""

from typing import Any

from mcp_learning.models.requests import RecordExecution
from mcp_learning.redaction.secrets import redact, redact_value

_FIELDS = (
    "task_type",
    "task_description",
    "repo",
    "approach",
    "model_tier",
    "pool_type",
    "swarm_topology",
    "solution_summary",
    "error_type",
    "error_message",
)


def redact_execution(request: RecordExecution) -> tuple[dict[str, Any], int]:
    """Removes secrets and private spans from what is given of an execution.

    Returns:
        The given values by field of a `results.Execution`, without task_id and used_task_ids; and
        how many secrets were removed.
    """
    fields = request.model_dump(exclude={"task_id", "used_task_ids", "details"}, exclude_none=True)
    redactions = 0
    for name in _FIELDS:
        if name in fields:
            fields[name], removed = redact(fields[name])
            redactions += removed
    details = request.details.model_dump(exclude_none=True)
    if "metadata" in details:
        details["metadata"], removed = redact_value(details["metadata"])
        redactions += removed
    return fields | details, redactions
