"""Redacts the fields of an execution."""

from typing import Any

from mcp_learning.models.requests import RecordExecution
from mcp_learning.redaction.secrets import redact, redact_value

_FIELDS = (
    *("task_type", "task_description", "repo", "approach", "model_tier", "pool_type"),
    *("swarm_topology", "solution_summary", "error_type", "error_message", "session_id"),
)
_APART = {"task_id", "used_task_ids", "details", "traceparent"}  # of a request, not an execution


def redact_execution(request: RecordExecution) -> tuple[dict[str, Any], int]:
    """The fields of a request without secrets and private spans, and the number of removed ones.

    Fields are named as in `results.Execution`; those without a value and ids are left out.
    """
    given = request.model_dump(exclude=_APART, exclude_none=True)
    fields, redactions = redact_fields(given)
    details = request.details.model_dump(exclude_none=True)
    if files := details.pop("files", None):
        details["metadata"] = {**details.get("metadata", {}), "files": files}
    if "metadata" in details:
        details["metadata"], removed = redact_value(details["metadata"])
        redactions += removed
    details, removed = redact_fields(details)
    return fields | details, redactions + removed


def redact_fields(fields: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The same for a mapping of fields without metadata."""
    redacted, redactions = dict(fields), 0
    for name in _FIELDS:
        if name in fields:
            redacted[name], removed = redact(fields[name])
            redactions += removed
    return redacted, redactions
