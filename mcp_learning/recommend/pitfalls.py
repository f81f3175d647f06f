"""What failed on similar tasks, the same failures together, and what ended them."""

import re
from collections.abc import Sequence

from mcp_learning.models.results import ExecutionSummary, Pitfall

MOST = 3
"""Pitfalls that are told, those with the most weight."""

CLOSE_ENOUGH = 0.5
"""Weight from which a later success on another task is taken for a fix."""

_VARIABLE = re.compile(r"0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"")
_KEY_CHARACTERS = 80


def find(similar: Sequence[tuple[ExecutionSummary, float]]) -> list[Pitfall]:
    """Failures among similar executions, the weightiest kind first.

    Args:
        similar: Ended executions and their weights > 0, the weightiest first.
    """
    kinds: dict[str, list[tuple[ExecutionSummary, float]]] = {}
    for one, weight in similar:
        if one.outcome == "failure" and (one.error_message or one.error_type):
            kinds.setdefault(_kind(one), []).append((one, weight))
    heaviest = sorted(kinds.values(), key=lambda group: -sum(weight for _, weight in group))
    return [_pitfall([one for one, _ in group], similar) for group in heaviest[:MOST]]


def _kind(one: ExecutionSummary) -> str:
    """Equal for failures that differ in numbers, addresses and quoted names only."""
    line = (one.error_message or "").strip().partition("\n")[0].casefold()
    return f"{(one.error_type or '').casefold()}|{_VARIABLE.sub('#', line)[:_KEY_CHARACTERS]}"


def _pitfall(
    failures: Sequence[ExecutionSummary], similar: Sequence[tuple[ExecutionSummary, float]]
) -> Pitfall:
    first = failures[0]
    return Pitfall(
        error_type=first.error_type,
        what_happened=first.error_message or f"failed: {first.error_type}",
        fix=_fix(failures, similar),
        task_id=first.task_id,
        failures=len(failures),
    )


def _fix(
    failures: Sequence[ExecutionSummary], similar: Sequence[tuple[ExecutionSummary, float]]
) -> str | None:
    """The solution of a later success: of the same task, else of the weightiest similar one.

    Else what a failure itself says should be done next time.
    """
    solved = [(one, weight) for one, weight in similar if one.outcome == "success"]
    tasks = {_task(one): one.recorded_at for one in reversed(failures)}
    for one, _ in solved:
        failed_at = tasks.get(_task(one))
        if failed_at is not None and one.solution_summary and one.recorded_at > failed_at:
            return one.solution_summary
    earliest = min(one.recorded_at for one in failures)
    for one, weight in solved:
        if one.solution_summary and weight >= CLOSE_ENOUGH and one.recorded_at > earliest:
            return one.solution_summary
    return next((one.solution_summary for one in failures if one.solution_summary), None)


def _task(one: ExecutionSummary) -> str:
    return " ".join(one.task_description.casefold().split())
