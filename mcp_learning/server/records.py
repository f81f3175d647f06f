"""The text of one whole execution for the language model."""

import json
from typing import Any

from mcp_learning.models.quoting import quoted
from mcp_learning.models.results import ExecutionDetail
from mcp_learning.models.wording import counted
from mcp_learning.server.answers import structured

_OURS = frozenset({"task_id", "outcome", "recorded_at", "updated_at", "uploaded_at"})
"""Fields that never contain an agent's text, and so aren't quoted."""
_WHOLE = 1_000_000
"""Characters: more than a record can have."""


def execution(result: ExecutionDetail) -> str:
    """A line for each field that is set, each feedback, and the executions before and after."""
    record = structured(result.execution)
    lines = [f"{name}: {_value(name, value)}" for name, value in record.items()]
    if result.outcome_reason:
        lines.append(f"outcome_reason: {quoted(result.outcome_reason, _WHOLE)}")
    for one in result.feedback:
        given = structured(one)
        said = [f"{name} {_value(name, value)}" for name, value in given.items()]
        lines.append(f"feedback: {', '.join(said)}")
    if result.used_task_ids:
        lines.append(f"used: {', '.join(map(str, result.used_task_ids))}")
    if result.used_by:
        later = [f"{use.task_id} ({use.outcome})" for use in result.used_by]
        lines.append(f"used by: {', '.join(later)}")
    lines.append(f"Shown in {counted(result.times_returned, 'answer')}; {weight(result)}.")
    return "\n".join(lines)


def weight(result: ExecutionDetail) -> str:
    """What an execution counts in recommendations by its votes, if it counts at all."""
    if not result.execution.outcome_confidence:
        return "doesn't count in recommendations"
    return f"counts {result.weight:g}-fold by votes in recommendations (0.5 to 2)"


def _value(name: str, value: Any) -> str:
    if name in _OURS:
        return str(value)
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return quoted(text, _WHOLE)
