"""The measurements, each with hosts of its own on one PostgreSQL."""

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import anyio
import numpy as np
from team.pooler import Pooler
from team.server import PostgresServer

from benchmarks.mcp_client import Connection
from benchmarks.teams.servers import REPO, ROLES, TEAMS, host, settings
from benchmarks.timing import percentiles
from mcp_learning.embed.embedder import Embedder
from mcp_learning.errors import LearningError
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.results import Execution
from mcp_learning.models.team import ExchangeWithTeam
from mcp_learning.service.indexer import Indexer
from mcp_learning.store import open_store
from mcp_learning.synthetic.generator import make_tasks
from mcp_learning.team.service import SharedLearning

_SEED = 20_261
_PROCESSES = 4
_PAUSE = 0.25
"""Seconds between two rounds of calls, in which what follows a record is done."""
_LOOK = 0.01
"""Seconds between two looks for what is to come."""


def bulk(server: PostgresServer, directory: Path, rows: int) -> dict[str, float]:
    """Executions a second, with a vector each, that a first synchronisation pushes and pulls."""
    model = Embedder(cache_dir=directory / "no other model")

    def made(role: str) -> SharedLearning:
        given = settings(server, role, TEAMS[1], directory / role)
        store = open_store(given)
        return SharedLearning(given, store, Indexer(given, store, model))

    async def measure() -> dict[str, float]:
        first, second = map(made, ROLES)
        for one in (first, second):
            await one.ready()
        await _fill(first, rows, model)
        begun = time.perf_counter()
        pushed = await first.exchange(ExchangeWithTeam(fill=True))
        between = time.perf_counter()
        pulled = await second.exchange(ExchangeWithTeam(direction="pull"))
        ended = time.perf_counter()
        embedded = (await second.health()).embedded
        for one in (first, second):
            await one.close()
        assert (pushed.added, pulled.pulled, embedded) == (rows, rows, rows)
        return {"pushed": rows / (between - begun), "pulled": rows / (ended - between)}

    return anyio.run(measure)


async def _fill(host: SharedLearning, rows: int, model: Embedder) -> None:
    """Adds executions with vectors at random."""
    now = datetime.now(UTC)
    vectors = np.random.default_rng(_SEED).standard_normal((rows, model.dimension), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    executions = [
        Execution(
            task_id=uuid7(),
            recorded_at=now,
            updated_at=now,
            task_type="bug_fix",
            task_description=text,
            outcome="success",
            approach="retry",
            solution_summary="the second attempt of the request waits for the first to end",
            repo=REPO,
        )
        for text in _descriptions(rows)
    ]
    for start in range(0, rows, 5_000):
        some = slice(start, start + 5_000)
        await host.store.insert_many(executions[some], vectors[some], model.fingerprint)


def _descriptions(count: int) -> list[str]:
    """Short ones, all different."""
    some = [one.description[:300] for one in make_tasks(min(count, 500), seed=_SEED)]
    return [f"{some[number % len(some)]} {number}" for number in range(count)]


def calls(server: PostgresServer, directory: Path, rounds: int) -> dict[str, float]:
    """How many times as long a record and a search take in a team; also while its server hangs."""
    found: dict[str, float] = {}
    texts = iter(_descriptions(2 * rounds))
    with (
        host(directory / "alone", None) as alone,
        host(directory / "shared", server.url("teams", ROLES[0])) as shared,
    ):
        for state in ("", ", server stopped"):
            if state:
                server.suspend()
            try:
                found |= _compared((alone, shared), [next(texts) for _ in range(rounds)], state)
            finally:
                if state:
                    server.resume()
    return found


def _compared(both: Sequence[Connection], texts: Sequence[str], state: str) -> dict[str, float]:
    seconds: dict[tuple[str, int], list[float]] = {}
    for turn, text in enumerate(texts):
        record = {"task_type": "bug_fix", "task_description": text, "outcome": "success"}
        record |= {"repo": REPO, "approach": "retry"}
        for tool, given in (
            ("record_execution", record),
            ("find_similar_tasks", {"task_description": text[::-1]}),
        ):
            for place in (0, 1) if turn % 2 else (1, 0):
                took, _ = both[place].call(tool, given)
                seconds.setdefault((tool, place), []).append(took)
            time.sleep(_PAUSE)
    found: dict[str, float] = {}
    for tool, name in (("record_execution", "record"), ("find_similar_tasks", "find")):
        alone, shared = (percentiles(seconds[tool, place]) for place in (0, 1))
        found[f"{name}, times as long as alone{state}"] = shared.p50 / alone.p50
        found[f"{name}, longest{state}, s"] = max(seconds[tool, 1])
    return found


def freshness(server: PostgresServer, directory: Path, records: int) -> dict[str, float]:
    """Seconds from the answer to a record until another host has it: with hints, and without."""
    found: dict[str, float] = {}
    urls = [server.url("teams", role) for role in ROLES]
    found |= _followed(urls, directory / "hints", "with hints", records)
    with Pooler(server) as pooler:  # which swallows them
        urls = [pooler.url("teams", role) for role in ROLES]
        found |= _followed(urls, directory / "polling", "through PgBouncer", records)
    return found


def _followed(urls: Sequence[str], directory: Path, name: str, records: int) -> dict[str, float]:
    at_random = random.Random(_SEED)
    seconds, own = [], []
    with ExitStack() as stack:
        writer, reader = (
            stack.enter_context(host(directory / role, url, TEAMS[2]))
            for role, url in zip(ROLES, urls, strict=True)
        )
        for text in _descriptions(records):
            time.sleep(0.3 + at_random.random())
            record = {"task_type": "bug_fix", "task_description": text, "outcome": "success"}
            _, answer = writer.call("record_execution", {**record, "repo": REPO})
            begun = time.perf_counter()
            _await(writer, answer["task_id"])
            own.append(time.perf_counter() - begun)
            _await(reader, answer["task_id"])
            seconds.append(time.perf_counter() - begun)
    return {
        f"fresh {name}, p95, s": percentiles(seconds).p95 / 1_000,
        f"own, {name}, p95, s": percentiles(own).p95 / 1_000,
    }


def _await(reader: Connection, task_id: str) -> None:
    while True:
        try:
            reader.call("get_execution", {"task_id": task_id})
        except LearningError:  # it isn't there yet
            time.sleep(_LOOK)
        else:
            return


def writers(server: PostgresServer, teams: Sequence[str], rows: int) -> float:
    """Records a second of one writer for each of these teams, all at once; a commit for each.

    Args:
        server: With these teams.
        teams: May name one several times.
        rows: Of each writer.
    """
    command = (sys.executable, "-m", "benchmarks.teams.writers", server.url("teams", ROLES[0]))
    processes = [
        subprocess.Popen(
            [*command, str(rows), *teams[number::_PROCESSES]], stdout=subprocess.PIPE, text=True
        )
        for number in range(_PROCESSES)
    ]
    spans = [tuple(map(float, one.communicate()[0].split())) for one in processes]
    return rows * len(teams) / (max(span[1] for span in spans) - min(span[0] for span in spans))
