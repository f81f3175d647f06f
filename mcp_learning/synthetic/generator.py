"""Generates realistic executions from a seed: tasks of several types, each executed repeatedly.

The same seed and time give the same data, ids included. What can be learned from them:

- Each task type has its own approaches, with different success rates, durations and costs; so have
  the model tiers.
- Most failures are retried some hours later with another approach. When a retry succeeds, its
  solution summary is the fix of that failure, and its metadata name the failed run (`retry_of`).
- Outcomes drift: halfway through the period (`drift_moment`), some approaches get better or worse
  for good (`task_types.Approach.later`).
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import Outcome
from mcp_learning.models.results import Execution
from mcp_learning.synthetic import vocabulary
from mcp_learning.synthetic.task_types import TASK_TYPES

T = TypeVar("T")

RUNS_PER_TASK = 3
"""On average: the same task comes back, is retried, or is tried by another agent."""

DAYS = 120
"""Executions are spread over so many days before the given time."""

RETRY_SHARE = 0.7
"""Share of failures that are retried, 0..1, as long as there is time left."""

LEARNED = 0.25
"""What knowing the error adds to a retry's success rate."""

_MEDIAN_RETRY_HOURS = 8.0
_PENDING_SHARE = 0.02
_TIERS, _ERROR_TYPES = tuple(vocabulary.TIERS), tuple(vocabulary.FAILURES)
_SHORT, _LONG = 0.5, 0.9  # cumulative shares of one sentence; of anything but a pasted log


@dataclass(frozen=True)
class GeneratedTask:
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


@dataclass(frozen=True)
class _Failed:
    """What a retry knows of the run that it repeats."""

    run: Run
    failure: vocabulary.FailureTemplate


def drift_moment(until: datetime) -> datetime:
    """When some approaches change their success rates, in data that end at `until`."""
    return until - timedelta(days=DAYS / 2)


def make_tasks(count: int, *, seed: int, task_types: Sequence[str] = ()) -> list[GeneratedTask]:
    """At most `count` tasks with different descriptions, of 30 to 2,500 characters.

    Args:
        count: How many to try, >= 1; the few that come out equal are left out.
        seed: The same seed gives the same tasks.
        task_types: Some of `TASK_TYPES`; all when empty.

    Raises:
        InvalidInput: A task type is unknown.
    """
    for name in task_types:
        if name not in TASK_TYPES:
            raise InvalidInput("task_types", f"no {name!r}; there are {', '.join(TASK_TYPES)}")
    rng = Random(seed)  # noqa: S311 - reproducible on purpose
    made = (_task(rng, tuple(task_types) or tuple(TASK_TYPES)) for _ in range(count))
    return list({task.description: task for task in made}.values())


def make_runs(
    tasks: Sequence[GeneratedTask], count: int, *, seed: int, until: datetime
) -> Iterator[Run]:
    """Exactly `count` runs of the tasks, oldest first.

    Args:
        tasks: From `make_tasks`.
        count: How many, >= 0.
        seed: The same seed, tasks and `until` give the same runs.
        until: Zone-aware end of the period of `DAYS` in which they were recorded.
    """
    rng = Random(seed + 1)  # noqa: S311 - reproducible on purpose
    drift = drift_moment(until)
    retries: list[tuple[datetime, int, _Failed]] = []
    for number, age in enumerate(sorted((rng.random() for _ in range(count)), reverse=True)):
        moment, failed = until - timedelta(days=DAYS * age), None
        if retries and retries[0][0] <= moment:
            failed = heapq.heappop(retries)[2]
        index = failed.run.task if failed else int(rng.random() * len(tasks))
        execution, failure = _execution(rng, tasks[index], moment, failed, drifted=moment >= drift)
        run = Run(index, execution)
        if failure is not None and rng.random() < RETRY_SHARE:
            hours = _MEDIAN_RETRY_HOURS * rng.lognormvariate(0, 1)
            due = moment + timedelta(hours=hours)
            heapq.heappush(retries, (due, number, _Failed(run, failure)))
        yield run


def _task(rng: Random, task_types: Sequence[str]) -> GeneratedTask:
    task_type = rng.choice(task_types)
    folder, module = rng.choice(vocabulary.FOLDERS), rng.choice(vocabulary.MODULES)
    places = {
        "part": rng.choice(vocabulary.PARTS),
        "thing": rng.choice(vocabulary.THINGS),
        "symptom": rng.choice(vocabulary.SYMPTOMS),
        "file": f"{folder}/{module}{rng.choice(vocabulary.SUFFIXES)}",
    }
    sentence = rng.choice(TASK_TYPES[task_type].templates).format(**places)
    description = sentence[0].upper() + sentence[1:]
    if (length := rng.random()) > _SHORT:
        description += ". " + " ".join(rng.sample(vocabulary.CONTEXTS, rng.randint(1, 3)))
    if length > _LONG:
        description += "\n" + _log(rng)
    return GeneratedTask(
        task_type, description, rng.choice(vocabulary.REPOS), rng.uniform(5, 95), places
    )


def _log(rng: Random) -> str:
    """A stack trace as it is pasted into a task: 4 to 40 lines."""
    lines = ["Traceback (most recent call last):"]
    for _ in range(rng.randint(2, 20)):
        folder, module = rng.choice(vocabulary.FOLDERS), rng.choice(vocabulary.MODULES)
        lines.append(f'  File "{folder}/{module}.py", line {rng.randint(3, 900)}, in {module}')
        lines.append(f"    result = {module}.{rng.choice(vocabulary.MODULES)}({folder}, limit=50)")
    return "\n".join([*lines, f"RuntimeError: {rng.choice(vocabulary.SYMPTOMS)}"])


def _execution(
    rng: Random, task: GeneratedTask, moment: datetime, failed: _Failed | None, *, drifted: bool
) -> tuple[Execution, vocabulary.FailureTemplate | None]:
    """One run, and how it failed if it did."""
    kind = TASK_TYPES[task.task_type]
    earlier = failed.run.execution.approach if failed else None
    label = _pick(rng, [name for name in kind.approaches if name != earlier])
    approach, tier = kind.approaches[label], _pick(rng, _TIERS)
    bonus, slowness, dollars_a_minute = vocabulary.TIERS[tier]
    rate = approach.later if drifted and approach.later is not None else approach.rate
    rate += bonus - 0.002 * (task.complexity - 50) + (LEARNED if failed else 0)
    expected = kind.minutes * slowness * approach.pace * (0.5 + task.complexity / 100)
    minutes = expected * rng.lognormvariate(0, 0.6)
    outcome: Outcome = "success" if rng.random() < min(max(rate, 0.03), 0.97) else "failure"
    if rng.random() < _PENDING_SHARE:
        outcome = "pending"
    failure: vocabulary.FailureTemplate | None = None
    metadata: dict[str, Any] = {"generated": True}
    if failed is not None:
        metadata |= {"retry_of": str(failed.run.execution.task_id)}
    values: dict[str, Any] = {
        "task_id": _uuid7(rng, moment),
        "recorded_at": moment,
        "updated_at": moment,
        "task_type": task.task_type,
        "task_description": task.description,
        "repo": task.repo,
        "approach": label,
        "model_tier": tier,
        "pool_type": _pick(rng, vocabulary.POOLS),
        "swarm_topology": _pick(rng, vocabulary.TOPOLOGIES),
        "outcome": outcome,
        "file_count": 1 + int(rng.random() * (4 + task.complexity / 5)),
        "estimated_tokens": int(900 * minutes * rng.uniform(0.6, 1.6)),
        "routing_confidence": round(rng.betavariate(5, 2), 3),
        "complexity_score": round(task.complexity, 1),
        "cost_estimate": round(expected * dollars_a_minute, 4),
        "metadata": metadata,
    }
    if outcome != "pending":
        values |= _measured(rng, minutes, minutes * dollars_a_minute)
    if outcome == "success":
        values |= _success(rng, task, failed)
    elif outcome == "failure":
        error_type = _pick(rng, _ERROR_TYPES)
        failure = _pick(rng, vocabulary.FAILURES[error_type])
        values |= {
            "error_type": error_type,
            "error_message": failure.message.format(**task.places),
            "quality_score": round(rng.uniform(0, 55), 1),
        }
    return Execution.model_validate(values), failure


def _measured(rng: Random, minutes: float, dollars: float) -> dict[str, Any]:
    """What is known of every run that has ended."""
    return {
        "duration_seconds": round(60 * minutes, 1),
        "cost_usd": round(dollars * rng.uniform(0.8, 1.25), 4),
        "peak_memory_mb": round(rng.uniform(80, 900), 1),
        "cpu_time_seconds": round(60 * minutes * rng.uniform(0.05, 0.4), 1),
    }


def _success(rng: Random, task: GeneratedTask, failed: _Failed | None) -> dict[str, Any]:
    solutions = TASK_TYPES[task.task_type].solutions
    solution = failed.failure.fix if failed else _pick(rng, solutions)
    summary = solution.format(**task.places)
    return {
        "solution_summary": summary[0].upper() + summary[1:],
        "quality_score": round(rng.uniform(60, 100), 1),
        "user_accepted": rng.random() < 0.9,
    }


def _pick(rng: Random, choices: Sequence[T]) -> T:
    """One of them; thrice as fast as `Random.choice`."""
    return choices[int(rng.random() * len(choices))]


def _uuid7(rng: Random, moment: datetime) -> UUID:
    milliseconds = math.floor(moment.timestamp() * 1000)
    bits = milliseconds << 80 | 0x7 << 76 | rng.getrandbits(12) << 64
    return UUID(int=bits | 0b10 << 62 | rng.getrandbits(62))
