"""Generates realistic executions from a seed: tasks of several types, each executed repeatedly.

The same arguments give the same data. Ids depend on the seed, the number of executions and the
tasks, not on the time, so that executions generated earlier are recognised. Patterns in the data:

- Each task type has its own approaches, with different success rates, durations and costs; so have
  the model tiers.
- Most failures are retried some hours later with another approach. When a retry succeeds, its
  solution summary begins with the fix of that failure, and its metadata name the failed run
  (`retry_of`).
- Outcomes drift: halfway through the period (`drift_moment`), some approaches get better or worse
  for good (`task_types.ApproachOdds.later`).
"""

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import Outcome
from mcp_learning.models.results import Execution
from mcp_learning.synthetic import vocabulary
from mcp_learning.synthetic.task_types import TASK_TYPES, task_type_of

T = TypeVar("T")

RUNS_PER_TASK = 3  # on average: the same task recurs, is retried, or is tried by another agent
DAYS = 120  # length of the period over which executions are spread
RETRY_SHARE = 0.7  # share of failures that are retried, 0..1, if the period is long enough
LEARNED = 0.25  # added to a retry's success rate, since the error is known

_MEDIAN_RETRY_HOURS = 8.0
_PENDING_SHARE = 0.02
_TIERS, _ERROR_TYPES = tuple(vocabulary.TIERS), tuple(vocabulary.FAILURES)
_SHORT, _LONG = 0.5, 0.9  # cumulative shares of one-sentence descriptions; of those without a log


@dataclass(frozen=True)
class GeneratedTask:
    """A task, and the words that its runs use."""

    task_type: str
    description: str
    solution: str
    repo: str
    complexity: float
    places: dict[str, str]


class Run(NamedTuple):
    """One execution, and the position of its task in the list of tasks."""

    task: int
    execution: Execution


class _Failed(NamedTuple):
    """The failed run that a retry repeats, and its failure."""

    run: Run
    failure: vocabulary.FailureTemplate


def drift_moment(until: datetime) -> datetime:
    """When some approaches change their success rates, for data that end at `until`."""
    return until - timedelta(days=DAYS / 2)


def make_tasks(
    count: int, *, seed: int, task_types: Sequence[str] = (), repos: Sequence[str] = ()
) -> list[GeneratedTask]:
    """At most `count` tasks with different descriptions, of 20 to 2,500 characters.

    Args:
        count: How many to draw, >= 1; the few duplicates are left out.
        seed: Seed of the random numbers.
        task_types: Names of at most 64 characters; those of `TASK_TYPES` if empty.
        repos: Names of at most 500 characters; some invented ones if empty.

    Raises:
        InvalidInput: A task type or a repository is too long.
    """
    for field, names, most in (("task_types", task_types, 64), ("repos", repos, 500)):
        if long := [name for name in names if len(name) > most]:
            raise InvalidInput(
                field, f"{long[0][:20]}… has more than {most} characters; shorten it"
            )
    rng = Random(seed)  # noqa: S311 - reproducible on purpose
    kinds, places = tuple(task_types) or tuple(TASK_TYPES), tuple(repos) or vocabulary.REPOS
    made = (_task(rng, kinds, places) for _ in range(count))
    return list({task.description: task for task in made}.values())


def make_runs(
    tasks: Sequence[GeneratedTask], count: int, *, seed: int, until: datetime
) -> Iterator[Run]:
    """Exactly `count` runs of the tasks, oldest first, in the `DAYS` that end at `until`."""
    named = _namespace(tasks, count, seed)
    rng = Random(seed + 1)  # noqa: S311 - reproducible on purpose
    drift = drift_moment(until)
    retries: list[tuple[datetime, int, _Failed]] = []
    for number, age in enumerate(sorted((rng.random() for _ in range(count)), reverse=True)):
        moment, failed = until - timedelta(days=DAYS * age), None
        if retries and retries[0][0] <= moment:
            failed = heapq.heappop(retries)[2]
        index = failed.run.task if failed else int(rng.random() * len(tasks))
        task_id = _task_id(named, number)
        drifted = moment >= drift
        execution, failure = _execution(rng, task_id, tasks[index], moment, failed, drifted=drifted)
        run = Run(index, execution)
        if failure is not None and rng.random() < RETRY_SHARE:
            hours = _MEDIAN_RETRY_HOURS * rng.lognormvariate(0, 1)
            due = moment + timedelta(hours=hours)
            heapq.heappush(retries, (due, number, _Failed(run, failure)))
        yield run


def _task(rng: Random, task_types: Sequence[str], repos: Sequence[str]) -> GeneratedTask:
    task_type = rng.choice(task_types)
    folder, module = rng.choice(vocabulary.FOLDERS), rng.choice(vocabulary.MODULES)
    places = {
        "part": rng.choice(vocabulary.PARTS),
        "thing": rng.choice(vocabulary.THINGS),
        "symptom": rng.choice(vocabulary.SYMPTOMS),
        "file": f"{folder}/{module}{rng.choice(vocabulary.SUFFIXES)}",
    }
    template = rng.choice(task_type_of(task_type).templates)
    description = _sentence(template.description, places)
    if (length := rng.random()) > _SHORT:
        description += ". " + " ".join(rng.sample(vocabulary.CONTEXTS, rng.randint(1, 3)))
    if length > _LONG:
        description += "\n" + _log(rng)
    solution = _sentence(template.solution, places)
    return GeneratedTask(
        task_type, description, solution, rng.choice(repos), rng.uniform(5, 95), places
    )


def _sentence(template: str, places: dict[str, str]) -> str:
    text = template.format(**places)
    return text[0].upper() + text[1:]


def _log(rng: Random) -> str:
    """A stack trace as users paste it into a task."""
    lines = ["Traceback (most recent call last):"]
    for _ in range(rng.randint(2, 20)):
        folder, module = rng.choice(vocabulary.FOLDERS), rng.choice(vocabulary.MODULES)
        lines.append(f'  File "{folder}/{module}.py", line {rng.randint(3, 900)}, in {module}')
        lines.append(f"    result = {module}.{rng.choice(vocabulary.MODULES)}({folder}, limit=50)")
    return "\n".join([*lines, f"RuntimeError: {rng.choice(vocabulary.SYMPTOMS)}"])


def _execution(
    rng: Random,
    task_id: UUID,
    task: GeneratedTask,
    moment: datetime,
    failed: _Failed | None,
    *,
    drifted: bool,
) -> tuple[Execution, vocabulary.FailureTemplate | None]:
    """One run, and its failure if it failed."""
    kind = task_type_of(task.task_type)
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
        "task_id": task_id,
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
    """Measurements of a run that has ended."""
    return {
        "duration_seconds": round(60 * minutes, 1),
        "cost_usd": round(dollars * rng.uniform(0.8, 1.25), 4),
        "peak_memory_mb": round(rng.uniform(80, 900), 1),
        "cpu_time_seconds": round(60 * minutes * rng.uniform(0.05, 0.4), 1),
    }


def _success(rng: Random, task: GeneratedTask, failed: _Failed | None) -> dict[str, Any]:
    fix = f"{_sentence(failed.failure.fix, task.places)} " if failed else ""
    return {
        "solution_summary": fix + task.solution,
        "quality_score": round(rng.uniform(60, 100), 1),
        "user_accepted": rng.random() < 0.9,
    }


def _pick(rng: Random, choices: Sequence[T]) -> T:
    """A random choice; three times as fast as `Random.choice`."""
    return choices[int(rng.random() * len(choices))]


def _namespace(tasks: Sequence[GeneratedTask], count: int, seed: int) -> bytes:
    """A hash of all arguments, from which the ids of executions are derived."""
    digest = hashlib.blake2b(f"{seed} {count}".encode(), digest_size=16)
    for task in tasks:
        digest.update(f"{task.task_type}\0{task.repo}\0{task.description}\0".encode())
    return digest.digest()


def _task_id(namespace: bytes, number: int) -> UUID:
    """A UUID version 8 (RFC 9562, 5.8): 48 bits that increase with the number, then a hash.

    Increasing ids keep the primary key's index compact, and the first eight digits of consecutive
    ids differ.
    """
    drawn = hashlib.blake2b(number.to_bytes(8), key=namespace, digest_size=16).digest()
    start = int.from_bytes(namespace[:5]) % 2**39 << 8
    growing = (start + (number << 18) + int.from_bytes(drawn[:2])) % 2**48
    value = growing << 80 | int.from_bytes(drawn[2:12])
    value = value & ~(0xF << 76) | 0x8 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
