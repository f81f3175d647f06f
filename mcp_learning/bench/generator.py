"""Realistic executions from a seed: tasks of several types, each run by one or more agents.

The same seed and time give the same data, ids included.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from mcp_learning.bench import vocabulary as words
from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import Outcome
from mcp_learning.models.results import Execution

TASK_TYPES = tuple(words.FAMILIES)

RUNS_PER_TASK = 3
"""On average: the same task comes back, is retried, or is tried by another agent."""

DAYS = 120
"""Executions are spread over so many days before the given time."""

_PENDING_SHARE = 0.02
_SHORT, _LONG = 0.5, 0.9  # cumulative shares of one sentence; of anything but a pasted log


@dataclass(frozen=True)
class Task:
    """What is asked for, and the words that runs of it use."""

    task_type: str
    description: str
    repo: str
    complexity: float
    places: dict[str, str]


@dataclass(frozen=True)
class Run:
    """One execution, and the position of its task in the list of tasks."""

    task: int
    execution: Execution


def make_tasks(count: int, *, seed: int, task_types: Sequence[str] = ()) -> list[Task]:
    """At most `count` tasks with different descriptions, of 30 to 2,500 characters.

    Args:
        count: How many to try, >= 1; the few that come out equal are left out.
        seed: The same seed gives the same tasks.
        task_types: Some of `TASK_TYPES`; all when empty.

    Raises:
        InvalidInput: A task type is unknown.
    """
    for name in task_types:
        if name not in words.FAMILIES:
            raise InvalidInput("task_types", f"no {name!r}; there are {', '.join(TASK_TYPES)}")
    rng = Random(seed)  # noqa: S311 - reproducible on purpose
    made = (_task(rng, task_types or TASK_TYPES) for _ in range(count))
    return list({task.description: task for task in made}.values())


def make_runs(tasks: Sequence[Task], count: int, *, seed: int, until: datetime) -> Iterator[Run]:
    """Exactly `count` runs of the tasks, oldest first.

    Args:
        tasks: From `make_tasks`.
        count: How many, >= 0.
        seed: The same seed, tasks and `until` give the same runs.
        until: Zone-aware end of the period of `DAYS` in which they were recorded.
    """
    rng = Random(seed + 1)  # noqa: S311 - reproducible on purpose
    for age in sorted((rng.random() for _ in range(count)), reverse=True):
        index = rng.randrange(len(tasks))
        yield Run(index, _execution(rng, tasks[index], until - timedelta(days=DAYS * age)))


def _task(rng: Random, task_types: Sequence[str]) -> Task:
    task_type = rng.choice(task_types)
    folder, module = rng.choice(words.FOLDERS), rng.choice(words.MODULES)
    places = {
        "part": rng.choice(words.PARTS),
        "thing": rng.choice(words.THINGS),
        "symptom": rng.choice(words.SYMPTOMS),
        "file": f"{folder}/{module}{rng.choice(words.SUFFIXES)}",
    }
    sentence = rng.choice(words.FAMILIES[task_type].templates).format(**places)
    description = sentence[0].upper() + sentence[1:]
    if (length := rng.random()) > _SHORT:
        description += ". " + " ".join(rng.sample(words.CONTEXTS, rng.randint(1, 3)))
    if length > _LONG:
        description += "\n" + _log(rng)
    return Task(task_type, description, rng.choice(words.REPOS), rng.uniform(5, 95), places)


def _log(rng: Random) -> str:
    """A stack trace as it is pasted into a task: 4 to 40 lines."""
    lines = ["Traceback (most recent call last):"]
    for _ in range(rng.randint(2, 20)):
        folder, module = rng.choice(words.FOLDERS), rng.choice(words.MODULES)
        lines.append(f'  File "{folder}/{module}.py", line {rng.randint(3, 900)}, in {module}')
        lines.append(f"    result = {module}.{rng.choice(words.MODULES)}({folder}, limit=50)")
    return "\n".join([*lines, f"RuntimeError: {rng.choice(words.SYMPTOMS)}"])


def _execution(rng: Random, task: Task, moment: datetime) -> Execution:
    family = words.FAMILIES[task.task_type]
    approach = rng.choice(list(family.approaches))
    tier = rng.choice(list(words.TIERS))
    bonus, slowness, dollars_a_minute = words.TIERS[tier]
    rate = family.approaches[approach] + bonus - 0.002 * (task.complexity - 50)
    minutes = family.minutes * slowness * rng.lognormvariate(0, 0.6) * (0.5 + task.complexity / 100)
    outcome: Outcome = "success" if rng.random() < min(max(rate, 0.03), 0.97) else "failure"
    if rng.random() < _PENDING_SHARE:
        outcome = "pending"
    return Execution(
        task_id=_uuid7(rng, moment),
        recorded_at=moment,
        updated_at=moment,
        task_type=task.task_type,
        task_description=task.description,
        repo=task.repo,
        approach=approach,
        model_tier=tier,
        pool_type=rng.choice(words.POOLS),
        swarm_topology=rng.choice(words.TOPOLOGIES),
        outcome=outcome,
        file_count=rng.randint(1, 4 + int(task.complexity / 5)),
        estimated_tokens=int(900 * minutes * rng.uniform(0.6, 1.6)),
        routing_confidence=round(rng.betavariate(5, 2), 3),
        complexity_score=round(task.complexity, 1),
        cost_estimate=round(family.minutes * dollars_a_minute, 4),
        metadata={"generated": True},
        **_ending(rng, task, family, outcome, minutes, minutes * dollars_a_minute),
    )


def _ending(
    rng: Random, task: Task, family: words.Family, outcome: Outcome, minutes: float, cost: float
) -> dict[str, Any]:
    """The columns that are known once a run has ended."""
    if outcome == "pending":
        return {}
    ended = {
        "duration_seconds": round(60 * minutes, 1),
        "cost_usd": round(cost * rng.uniform(0.8, 1.25), 4),
        "peak_memory_mb": round(rng.uniform(80, 900), 1),
        "cpu_time_seconds": round(60 * minutes * rng.uniform(0.05, 0.4), 1),
    }
    if outcome == "success":
        return ended | {
            "solution_summary": rng.choice(family.solutions).format(**task.places),
            "quality_score": round(rng.uniform(60, 100), 1),
            "user_accepted": rng.random() < 0.9,
        }
    error_type = rng.choice(list(words.ERRORS))
    return ended | {
        "error_type": error_type,
        "error_message": rng.choice(words.ERRORS[error_type]).format(**task.places),
        "quality_score": round(rng.uniform(0, 55), 1),
    }


def _uuid7(rng: Random, moment: datetime) -> UUID:
    milliseconds = math.floor(moment.timestamp() * 1000)
    bits = milliseconds << 80 | 0x7 << 76 | rng.getrandbits(12) << 64
    return UUID(int=bits | 0b10 << 62 | rng.getrandbits(62))
