"""What a history shows: how far tasks differ, and how much runs of one task say of others."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from mcp_learning.recommend.belief import COMMON
from mcp_learning.recommend.ended import Ended
from mcp_learning.recommend.estimate import Regularities
from mcp_learning.recommend.evidence import LEVELS
from mcp_learning.recommend.past import Past
from mcp_learning.recommend.strengths import Strengths
from mcp_learning.store.past_run import PastRun

START = datetime(2025, 1, 1)


def learned(runs_of_each: int, *, alike: bool) -> Regularities:
    """From 200 executions of two options; runs of one task end alike, or by chance."""
    rng = np.random.default_rng(3)
    easy, chance = rng.random(200) < 0.5, rng.random(200) < 0.5
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    runs = []
    for number, task in enumerate(rng.permutation(200) // runs_of_each):
        at = START + timedelta(hours=number)
        ended = bool(easy[task] if alike else chance[number])
        text = (f"task {task}", None, None, None)
        run = PastRun(at, at, int(task), "", "", "ab"[number % 2], ended, text, vectors[task])
        runs.append(run)
    past = Past("approach", 8, 0.3, 90)
    past.record(dict(enumerate(runs)))
    _, related = past.related(replace(runs[-1], recorded_at=START + timedelta(days=9)))
    snapshot = related.snapshot
    return Strengths().of(snapshot, Ended.of(snapshot, "approach"), "approach", 0.3)


def expected_variance(found: Regularities) -> float:
    """Of what options have in common on one task."""
    return float(found.levels[LEVELS.index("same")] @ COMMON)


def test_runs_of_a_task_that_end_alike_say_little_more_of_other_tasks_than_one_run() -> None:
    repeated = learned(5, alike=True)
    assert expected_variance(repeated) > 1
    assert 2 < repeated.overstated < 5


def test_runs_that_end_by_chance_say_as_much_as_runs_of_different_tasks() -> None:
    by_chance, distinct = learned(5, alike=False), learned(1, alike=True)
    assert expected_variance(by_chance) < 0.2
    assert by_chance.overstated < 1.3
    assert distinct.overstated == 1
