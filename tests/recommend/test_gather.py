"""What counts as evidence for a task, and at which level."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from mcp_learning.recommend.evidence import Place
from mcp_learning.recommend.gather import Comparison
from mcp_learning.recommend.past import Past
from mcp_learning.store.past_run import PastRun

START = datetime(2025, 1, 1)


def run(number: int, task: int) -> PastRun:
    """Of a task in the only repository, and of the only type."""
    at, vector = START + timedelta(hours=number), np.eye(8, dtype=np.float32)[task]
    text = (f"task {task}", None, None, None)
    return PastRun(at, at, task, "acme/shop", "bugfix", "ab"[number % 2], True, text, vector)


@pytest.mark.parametrize("place", ["repo", "task_type"])
def test_runs_of_a_task_do_not_count_as_other_tasks_of_its_repository_or_type(
    place: Place,
) -> None:
    past = Past("approach", 8, 0.3, 90)
    past.record({number: run(number, task) for number, task in enumerate([1, 1, 1, 1, 2, 3])})
    comparison = Comparison("approach", "acme/shop", "bugfix", 5)
    gathered = past.compare(*past.related(run(6, 1)), comparison).gathered
    assert gathered.evidence.same.sum() == 4
    assert gathered.background.places[place].total.sum() == pytest.approx(2, abs=0.01)
