"""Two installed versions of the product, in turns: start, import, and calls. Linux only."""

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from benchmarks.mcp_client import Connection, MeasurementFailed, default_environment, spawn
from benchmarks.suite.stdio_calls import look_up, record
from mcp_learning.synthetic.generator import GeneratedTask, make_tasks
from mcp_learning.synthetic.loading import Progress

_SEED = 20_260
_BLOCK = 5
"""Calls of one kind to one version, before the other version's turn."""

_QUIET_SECONDS, _QUIET_MS = 0.2, 2.0
"""Both servers are idle when together they use less than so much CPU time in so many seconds."""

Call = Callable[[Connection, GeneratedTask], float]
"""Calls a tool; returns milliseconds."""


class Cost(NamedTuple):
    """What a start, an import or a call took, in milliseconds.

    Attributes:
        wall: By the clock.
        cpu: Of all threads of the process. Of a call it is the mean of a block of calls, with
            what the process does after it has answered, up to the end of the block.
    """

    wall: float
    cpu: float


class Version(NamedTuple):
    """An installed version, and its own database.

    Attributes:
        python: Of the environment that it is installed in.
        home: Its data directory.
    """

    python: Path
    home: Path

    def command(self, *arguments: str) -> tuple[str, ...]:
        """A command line of this version; without arguments, of its server."""
        return (str(self.python), "-P", "-m", "mcp_learning", *arguments)

    def run(self, *arguments: str) -> str:
        """Runs a command to its end; returns what it printed.

        Raises:
            MeasurementFailed: It fails.
        """
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            encoding="utf-8",
            env=default_environment(self.home),
            check=False,
        )
        if done.returncode:
            raise MeasurementFailed(f"{self.python}: {arguments[0]} failed: {done.stderr.strip()}")
        return done.stdout


class Compared(NamedTuple):
    """The medians of both versions."""

    this: Cost
    other: Cost


def compare(
    other: Path, rows: int, rounds: int, scratch: Path, progress: Progress
) -> dict[str, Compared]:
    """Measures this version beside another one.

    Args:
        other: The Python of the environment that has the other version, an earlier one.
        rows: Executions that each generates for its database.
        rounds: Turns of each version.
        scratch: An empty directory.
        progress: Told what is being measured.

    Raises:
        LearningError: A server doesn't answer, or a command fails.
    """
    versions = (Version(Path(sys.executable), scratch / "this"), Version(other, scratch / "other"))
    measured: dict[str, tuple[list[Cost], list[Cost]]] = {}

    def add(name: str, version: int, costs: Sequence[Cost]) -> None:
        measured.setdefault(name, ([], []))[version].extend(costs)

    for number, version in enumerate(versions):
        progress(f"generating {rows:,} executions", number, 4)
        version.run("generate-data", "--count", str(rows))
    exported = scratch / "executions.jsonl"
    versions[1].run("export", str(exported))

    progress("starting and importing", 2, 4)
    for number, turn in _turns(rounds):
        start, first = _start(versions[turn])
        add("start", turn, [start])
        add("first record", turn, [first])
        empty = versions[turn]._replace(home=scratch / f"{turn}-{number}")
        add("import", turn, [_import(empty, exported)])

    progress("calling", 3, 4)
    tasks = cycle(make_tasks(len(CALLS) * _BLOCK * rounds, seed=_SEED))
    with ExitStack() as stack:
        servers = [stack.enter_context(spawn(one.command(), one.home)) for one in versions]
        for server in servers:  # loads what the first calls need
            for call in CALLS.values():
                call(server, next(tasks))
        for name, call in CALLS.items():
            asked = [[next(tasks) for _ in range(_BLOCK)] for _ in range(rounds)]
            for number, turn in _turns(rounds):
                _wait_until_idle(servers)
                add(name, turn, _block(servers[turn], call, asked[number]))
    return {name: Compared(*map(_medians, both)) for name, both in measured.items()}


def markdown(found: dict[str, Compared]) -> str:
    """A table, one row per measurement; the ratios are this version's to the other's."""
    lines = [
        "| | this, ms | other, ms | ratio | this, ms of CPU | other, ms of CPU | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, (this, other) in found.items():
        cells = (
            f"{mine:,.2f} | {theirs:,.2f} | {mine / theirs:.2f}"
            for mine, theirs in zip(this, other, strict=True)
        )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _find(server: Connection, task: GeneratedTask) -> float:
    return 1000 * server.call("find_similar_tasks", {"task_description": task.description})[0]


def _recommend(server: Connection, task: GeneratedTask) -> float:
    return 1000 * server.call("recommend_approach", {"task_description": task.description})[0]


def _after_record(call: Call) -> Call:
    """The call alone by the clock; the CPU time is that of both."""

    def both(server: Connection, task: GeneratedTask) -> float:
        record(server, task)
        return call(server, task)

    return both


CALLS: dict[str, Call] = {
    "get_execution that finds nothing": lambda server, _: look_up(server),
    "find_similar_tasks": _find,
    "recommend_approach": _recommend,
    "record_execution": record,
    "find_similar_tasks after a record": _after_record(_find),
    "recommend_approach after a record": _after_record(_recommend),
}


def _turns(rounds: int) -> Iterator[tuple[int, int]]:
    """The number of the round, and whose turn it is; each round another version is the first."""
    for number in range(rounds):
        yield number, number % 2
        yield number, 1 - number % 2


def _block(server: Connection, call: Call, tasks: Sequence[GeneratedTask]) -> list[Cost]:
    begun = _cpu_ms(server.pid)
    walls = [call(server, task) for task in tasks]
    cpu = (_cpu_ms(server.pid) - begun) / len(tasks)
    return [Cost(wall, cpu) for wall in walls]


def _wait_until_idle(servers: Sequence[Connection]) -> None:
    """So that embedding what one version has recorded doesn't fall into the next turn."""
    before, after = -math.inf, sum(_cpu_ms(server.pid) for server in servers)
    while after - before >= _QUIET_MS:
        time.sleep(_QUIET_SECONDS)
        before, after = after, sum(_cpu_ms(server.pid) for server in servers)


def _start(version: Version) -> tuple[Cost, Cost]:
    """From the start of the process to the answer to `initialize`; and a record after that."""
    with spawn(version.command(), version.home) as server:
        start = Cost(1000 * server.start_seconds, _cpu_ms(server.pid))
        (first,) = _block(server, record, make_tasks(1, seed=_SEED))
    return start, first


def _import(version: Version, file: Path) -> Cost:
    """The whole command, without embedding, which earlier versions leave to a server."""
    no_embed = ["--no-embed"] if "--no-embed" in version.run("import", "--help") else []
    wall, before = time.perf_counter(), os.times()
    version.run("import", "jsonl", str(file), *no_embed)
    seconds, after = time.perf_counter() - wall, os.times()
    cpu = after.children_user + after.children_system
    return Cost(1000 * seconds, 1000 * (cpu - before.children_user - before.children_system))


def _cpu_ms(pid: int) -> float:
    """CPU time of process `pid` so far; its clock's id is as `clock_getcpuclockid(3)` makes it."""
    return 1000 * time.clock_gettime((~pid << 3) | 2)


def _medians(costs: Sequence[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))
