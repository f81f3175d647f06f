"""Generated experience with known truth: what differs, what recurs, and what is chance."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from mcp_learning.models.identifiers import task_key
from mcp_learning.store.lesson_protocol import Experience

START = datetime(2025, 1, 1, tzinfo=UTC)
REPOS = ("acme/shop", "acme/billing")
FIXES = (
    "Raise the connection pool to twenty and close idle sessions.",
    "Pin the timezone of the fixture to UTC before the clock is read.",
    "Regenerate the client from the schema after each migration.",
    "Warm the cache before the first request is counted.",
    "Split the transaction so that the lock is short.",
    "Sort the rows before the pages are compared.",
)
ERRORS = (
    "PoolTimeout: no connection was free",
    "AssertionError: the day differs from the fixture",
    "TypeError: unexpected keyword argument region",
    "Flaky: latency above the limit",
    "Deadlock found when trying to get lock",
    "DiffError: pages have another order",
)
SYLLABLES = (("al", "bra", "car", "del", "eag", "fjo"), ("pine", "to", "rot", "ta", "mik", "lun"))
CHATTER = [one + other for one in SYLLABLES[0] for other in SYLLABLES[1]]


def experience(number: int, **values: object) -> Experience:
    """An execution that ended, recorded `number` minutes after the start."""
    needed = {
        "task_id": UUID(int=number + 1),
        "recorded_at": START + timedelta(minutes=number),
        "description": f"task {number}",
        "repo": REPOS[0],
        "task_type": "bug_fix",
        "approach": "",
        "success": True,
        **dict.fromkeys(("solution", "error_type", "error_message", "error_text"), ""),
    }
    needed |= values
    return Experience(**{"task_key": task_key(str(needed["description"])), **needed})  # type: ignore[arg-type]


class World(NamedTuple):
    """Experience, and the keys of the lessons that it holds."""

    experience: list[Experience]
    planted: set[str]


def approaches(seed: int, *, effect: float, each: int = 60) -> World:
    """Six task types with four approaches each: in half of the types one is better by `effect`."""
    rng, runs, planted = Random(seed), [], set()
    for kind in range(6):
        task_type = f"type_{kind}"
        base = rng.uniform(0.35, 0.6)
        if kind % 2:
            planted.add(f"approach::{task_type}:way 0:better")
        for way in range(4):
            rate = base + effect * (kind % 2 == 1 and way == 0)
            runs += [
                {
                    "task_type": task_type,
                    "approach": f"way {way}",
                    "success": rng.random() < rate,
                    "repo": rng.choice(REPOS),
                }
                for _ in range(each)
            ]
    rng.shuffle(runs)
    return World([experience(n, **values) for n, values in enumerate(runs)], planted)


def failures(seed: int, *, real: bool) -> World:
    """Six errors that recur in tasks that succeed later: for one reason each, or by chance."""
    rng, runs, planted = Random(seed), [], set()
    for kind, (error, fix) in enumerate(zip(ERRORS, FIXES, strict=True)):
        repo = REPOS[kind % 2]
        if real:
            planted.add(f"failure:{repo}:{error}")
        for task in range(4):
            told = {
                "repo": repo,
                "description": f"{error.split(':')[0]} in module {task} of {kind}",
            }
            failed = told | {"success": False, "error_message": error, "error_text": error}
            noise = " ".join(rng.sample(CHATTER, 6)).capitalize() + "."
            solution = f"{fix} {noise}" if real else noise
            runs.append([failed] * rng.randint(1, 3) + [told | {"solution": solution}])
    rng.shuffle(runs)
    flat = [values for run in runs for values in run]
    return World([experience(n, **values) for n, values in enumerate(flat)], planted)
