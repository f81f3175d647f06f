"""What failed on similar tasks: one pitfall per error, with what ended it."""

from collections.abc import Sequence

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.folding import folded
from mcp_learning.models.results import ExecutionSummary, Pitfall

MOST = 3
"""Pitfalls in an answer, those with the most weight."""

CLOSE_ENOUGH = 0.5
"""Least weight of a later success on another task that counts as a fix."""


def find(similar: Sequence[tuple[ExecutionSummary, float]]) -> list[Pitfall]:
    """Failures among similar executions, the weightiest error first.

    Args:
        similar: Ended executions and their weights > 0, the weightiest first.
    """
    by_error: dict[str, list[tuple[ExecutionSummary, float]]] = {}
    for one, weight in similar:
        if one.outcome == "failure" and (one.error_message or one.error_type):
            by_error.setdefault(_error_text(one), []).append((one, weight))
    heaviest = sorted(by_error.values(), key=lambda group: -sum(weight for _, weight in group))
    return [_pitfall([one for one, _ in group], similar) for group in heaviest[:MOST]]


def _error_text(one: ExecutionSummary) -> str:
    """The same for occurrences of one error, as for failure patterns."""
    return normal_form(one.error_message or "") or one.error_type or ""


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
    """The solution of a later success of the same task, or else of the weightiest similar task.

    Without any, the solution that a failure recorded: what to do next time.
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
    return " ".join(folded(one.task_description).split())
