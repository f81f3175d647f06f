"""Plans and runs all measurements of the suite on a temporary database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from benchmarks import targets
from benchmarks.suite import components, followers, stdio_calls
from benchmarks.targets import Measurement
from mcp_learning.embed.embedder import Embedder
from mcp_learning.store.duckdb.connection import make_private
from mcp_learning.synthetic.generator import RUNS_PER_TASK, GeneratedTask, make_runs, make_tasks
from mcp_learning.synthetic.loading import Progress, embed_tasks

_SEED = 20_260


@dataclass(frozen=True)
class Plan:
    """How much is repeated.

    Attributes:
        rows: Executions in the database, >= 1.
        starts: Spawns of each server.
        calls: Calls of each tool over stdio, and searches without embedding.
        inserts: Databases filled, >= 2.
        batches: Batches embedded.
        batch: Texts per batch.
    """

    rows: int
    starts: int
    calls: int
    inserts: int
    batches: int
    batch: int


def full(rows: int) -> Plan:
    """Takes one to two minutes at 10,000 rows on two cores."""
    return Plan(rows, starts=12, calls=200, inserts=5, batches=4, batch=128)


def quick(rows: int) -> Plan:
    """Takes half a minute at 10,000 rows; good for a first look."""
    return Plan(rows, starts=3, calls=40, inserts=2, batches=2, batch=48)


def measure(plan: Plan, within: Path | None, progress: Progress) -> list[Measurement]:
    """Runs everything in a temporary directory; the user's own database isn't touched.

    Args:
        plan: How much.
        within: Where to make that directory; None: where the system has such things.
        progress: Told what is being measured.

    Raises:
        LearningError: A measurement failed.
    """
    if within is not None:
        make_private(within)
    # Servers that were killed may still hold files on Windows: leave them to the system.
    with TemporaryDirectory(
        prefix="mcp-learning-", dir=within, ignore_cleanup_errors=True
    ) as scratch:
        results = {m.target.name: m for m in _measure(plan, Path(scratch).absolute(), progress)}
    return [results[target.name] for target in targets.ALL]


def _measure(plan: Plan, scratch: Path, progress: Progress) -> Iterator[Measurement]:
    steps = count()

    def step(what: str) -> None:
        progress(what, next(steps), 6)

    others = _other_tasks(3 * plan.calls + plan.starts + 1)
    queries, recorded = others[: plan.calls], others[plan.calls : 2 * plan.calls]
    searched, started = others[2 * plan.calls : 3 * plan.calls], others[3 * plan.calls :]

    step("starting servers")
    yield from stdio_calls.measure_starts(started, scratch)

    tasks = make_tasks(-(-plan.rows // RUNS_PER_TASK), seed=_SEED)
    runs = list(make_runs(tasks, plan.rows, seed=_SEED, until=datetime.now(UTC)))
    embedder = Embedder(cache_dir=scratch / "models")
    step(f"embedding {len(tasks):,} tasks")
    vectors = anyio.run(embed_tasks, embedder, _texts(tasks), _silent)
    step(f"inserting {plan.rows:,} rows")
    homes = [scratch / f"filled-{number}" for number in range(plan.inserts)]
    inserted = anyio.run(components.measure_inserts, runs, vectors, embedder.fingerprint, homes)

    step("calling tools and searching")
    yield from stdio_calls.measure_calls(_texts(queries), recorded, homes[0], embedder)
    asked = anyio.run(embed_tasks, embedder, _texts(searched), _silent)
    yield anyio.run(components.measure_searches, asked, homes[1])

    step("calling through another's server")
    yield from followers.measure_followers(_texts(queries), homes[0])

    step("embedding batches")
    texts = _texts(_other_tasks(plan.batches * plan.batch))
    batches = [texts[number :: plan.batches] for number in range(plan.batches)]
    yield components.measure_embeddings(batches, embedder)
    yield inserted


def _other_tasks(wanted: int) -> list[GeneratedTask]:
    """Tasks that are in the database only by chance."""
    return make_tasks(2 * wanted, seed=_SEED + 1)[:wanted]


def _texts(tasks: Sequence[GeneratedTask]) -> list[str]:
    return [task.description for task in tasks]


def _silent(what: str, done: int, total: int) -> None:
    """Shows no progress."""
