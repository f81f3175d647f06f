"""Runs of agents on tasks of the sample repository: one kind of task, tried in two ways."""

from mcp_learning.models.requests import RecordExecution

QUESTION = "a flaky test of the overdue notices"
"""About their tasks, in other words."""

_OVERDUE = "the test of the overdue notices fails now and then on the build server"
_WAITING = "the test of the waiting list passes on some runs and fails on others"
_CLOCK = "The test read the real clock. It gets a fixed one now, and has not failed since."
_ORDER = "expected the notice of item 7 first, found that of item 12"


def _run(
    task: str, approach: str, seconds: int, solution: str = "", error: str = ""
) -> RecordExecution:
    return RecordExecution(
        task_type="test",
        task_description=task,
        approach=approach,
        outcome="failure" if error else "success",
        solution_summary=solution or None,
        duration_seconds=seconds,
        repo="lending-desk",
        error_type="quality_gate" if error else None,
        error_message=error or None,
    )


RUNS = (
    _run(_OVERDUE, "retry until it passes", 240, error=_ORDER),
    _run(_WAITING, "retry until it passes", 300, error="timed out after 30 s"),
    _run(_OVERDUE, "retry until it passes", 180, error=_ORDER),
    _run(_OVERDUE, "inject a fake clock", 900, _CLOCK),
    _run(_WAITING, "inject a fake clock", 1_100, _CLOCK),
    _run(_WAITING, "inject a fake clock", 780, _CLOCK),
)
"""In the order in which they were done."""
