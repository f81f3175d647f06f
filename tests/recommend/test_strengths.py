"""What a history shows: how far tasks differ, and how much runs of one task say of others."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from mcp_learning.recommend.belief import COMMON
from mcp_learning.recommend.ended import Ended
from mcp_learning.recommend.estimate import Regularities
from mcp_learning.recommend.evidence import LEVELS, Where
from mcp_learning.recommend.past import Past
from mcp_learning.recommend.strengths import Strengths
from mcp_learning.store.past_run import PastRun

START = datetime(2025, 1, 1)


def learned(
    runs_of_each: int,
    *,
    alike: bool,
    confidence: float = 1.0,
    same: bool = True,
    repositories: int = 0,
) -> Regularities:
    """From 200 executions of two options; runs of one task end alike, or by chance.

    If they aren't of the same task, they are of one kind. They are recorded the right way round
    with a probability of (1 + confidence) / 2. Repositories don't differ.
    """
    rng = np.random.default_rng(3)
    easy, chance = rng.random(200) < 0.5, rng.random(200) < 0.5
    vectors = rng.normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tasks = rng.permutation(200) // runs_of_each
    wrong = rng.random(200) < (1 - confidence) / 2
    runs = []
    for number, task in enumerate(tasks):
        at = START + timedelta(hours=number)
        ended = bool(easy[task] if alike else chance[number])
        text = (f"task {task}", None, None, None)
        ended ^= bool(wrong[number])
        key = int(task) if same else number
        repo = f"acme/{task % repositories}" if repositories else ""
        run = PastRun(at, at, key, repo, "", "ab"[number % 2], ended, text, vectors[task])
        runs.append(replace(run, confidence=confidence))
    past = Past("approach", 8, 0.3, 90)
    past.record(dict(enumerate(runs)))
    _, related = past.related(replace(runs[-1], recorded_at=START + timedelta(days=9)))
    snapshot = related.snapshot
    return Strengths().of(snapshot, Ended.of(snapshot, "approach"), "approach", 0.3)


def expected_variance(found: Regularities, level: Where = "same") -> float:
    """Of what options have in common on one task, or at another level."""
    return float(found.levels[LEVELS.index(level)] @ COMMON)


def test_runs_of_a_task_that_end_alike_say_little_more_of_other_tasks_than_one_run() -> None:
    repeated = learned(5, alike=True)
    assert expected_variance(repeated) > 1
    assert 4 < repeated.design_effect <= 5


def test_runs_of_a_task_that_end_alike_are_no_sign_that_repositories_differ() -> None:
    assert expected_variance(learned(5, alike=True, repositories=20), "repo") < 0.3


def test_that_runs_of_a_task_are_alike_is_seen_in_outcomes_that_are_right_only_now_and_then() -> (
    None
):
    confidence = 0.6
    unsure = learned(5, alike=True, confidence=confidence)
    by_chance = learned(5, alike=False, confidence=confidence)
    told = confidence**2  # as much of an outcome is known of its task
    assert unsure.design_effect == pytest.approx(1 + 4 * told, rel=0.2)
    assert by_chance.design_effect < 1.2


def test_runs_that_end_by_chance_say_as_much_as_runs_of_different_tasks() -> None:
    by_chance, distinct = learned(5, alike=False), learned(1, alike=True)
    assert expected_variance(by_chance) < 0.2
    assert by_chance.design_effect < 1.3
    assert distinct.design_effect == 1


def test_many_tasks_of_a_kind_count_less_for_an_option_only_as_far_as_they_end_alike() -> None:
    alike, by_chance = (learned(20, alike=one, same=False).effects for one in (True, False))
    assert np.median(alike) > 3
    assert np.median(by_chance) < 2
