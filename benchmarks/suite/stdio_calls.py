"""Measurements of a server as a client sees it: over pipes."""

import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import targets
from benchmarks.mcp_client import EMPTY_SERVER, PRODUCT_SERVER, Connection, MeasurementFailed, spawn
from benchmarks.memory import resident_mb, resident_parts
from benchmarks.scale.dataset import Prepared
from benchmarks.targets import Measurement, compare
from benchmarks.timing import percentiles
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.synthetic.generator import Task

LONGEST_START_SECONDS = 120.0
"""After which a server that still gives degraded answers is given up."""

Outcome = dict[str, Any]

_WARM_UP = 5


def starts(tasks: Sequence[Task], scratch: Path) -> list[Measurement]:
    """Spawns both servers in turn, once per task, and records it as the first call.

    Args:
        tasks: At least two; the first goes to a warm-up that isn't counted.
        scratch: Directory in which each server gets an empty one.

    Raises:
        MeasurementFailed: A server doesn't answer.
    """
    empty, learning, first = [], [], []
    for number, task in enumerate(tasks):
        with spawn(EMPTY_SERVER, scratch / "empty") as server:
            empty.append(_ms(server.start_seconds))
        with spawn(PRODUCT_SERVER, scratch / f"start-{number}") as server:
            learning.append(_ms(server.start_seconds))
            first.append(_record(server, task))
    return [
        compare(targets.START, learning[1:], empty[1:]),
        compare(targets.FIRST_RECORD, first[1:]),
    ]


def calls(
    queries: Sequence[str], tasks: Iterable[Task], data_dir: Path, embedder: Embedder
) -> list[Measurement]:
    """Searches, then the server's memory, then records, with one server on a filled database.

    Args:
        queries: Different texts; the first few warm up and aren't counted.
        tasks: What is recorded; likewise.
        data_dir: Of the filled database.
        embedder: A loaded one, for the comparison.

    Raises:
        MeasurementFailed: A server doesn't answer.
    """
    finds, embeds, empties = [], [], []
    with spawn(PRODUCT_SERVER, data_dir) as server, spawn(EMPTY_SERVER, data_dir) as empty:
        for query in queries:
            seconds, _ = server.call("find_similar_tasks", {"task_description": query})
            finds.append(_ms(seconds))
            embeds.append(_ms(_embedding_seconds(embedder, query)))
            empties.append(_ms(empty.call("nothing", {})[0]))
        memory = resident_mb(server.pid)
        records = [_record(server, task) for task in tasks]
    return [
        compare(targets.RECORD, records[_WARM_UP:]),
        compare(targets.FIND, finds[_WARM_UP:], embeds[_WARM_UP:], empties[_WARM_UP:]),
        compare(targets.MEMORY, [memory]),
    ]


def serve(data: Prepared, *, starts: int, queries: int) -> Outcome:
    """Starts real servers on the database: time to the first correct answer, memory, latency.

    Raises:
        MeasurementFailed: A server doesn't answer, gives degraded answers for too long, or its
            first whole answer isn't the very task that was asked for.
    """
    seconds, memory = [], []
    finds: list[float] = []
    for number in range(starts):
        landmark = data.texts["landmarks"][number % len(data.texts["landmarks"])]
        begun = time.perf_counter()
        with spawn(PRODUCT_SERVER, data.data_dir) as server:
            answer = _first_whole_answer(server, landmark)
            seconds.append(time.perf_counter() - begun)
            _check(answer, landmark)
            finds += [
                server.call("find_similar_tasks", {"task_description": text})[0]
                for text in data.texts["in"][:queries]
            ]
            memory.append(resident_mb(server.pid))
            parts = resident_parts(server.pid)
    with spawn(EMPTY_SERVER, data.data_dir) as empty:
        empty.call("nothing", {})
        least = resident_mb(empty.pid)
    return {
        "mode": answer["search"]["mode"],
        "cold_start_seconds": round(statistics.median(seconds), 3),
        "resident_mb": round(statistics.median(memory), 1),
        "resident_parts": {name: round(part, 1) for name, part in parts.items()},
        "empty_server_mb": round(least, 1),
        "find": percentiles(finds).__dict__,
    }


def _first_whole_answer(server: Connection, text: str) -> Outcome:
    """Asks until the answer says that nothing is still being read."""
    deadline = time.perf_counter() + LONGEST_START_SECONDS
    while True:
        _, answer = server.call("find_similar_tasks", {"task_description": text})
        if not answer["search"]["degraded"] or time.perf_counter() > deadline:
            return answer


def _check(answer: Outcome, landmark: str) -> None:
    if answer["search"]["degraded"]:
        raise MeasurementFailed(f"answers stay degraded: {answer['search']['reason']}")
    first = answer["matches"][0] if answer["matches"] else {"task_description": "nothing"}
    if first["task_description"] != landmark:
        raise MeasurementFailed(
            f"the first answer to {landmark!r} is {first['task_description']!r}"
        )


def _record(server: Connection, task: Task) -> float:
    arguments = {
        "task_type": task.task_type,
        "task_description": task.description,
        "outcome": "success",
        "repo": task.repo,
        "approach": "as usual",
        "solution_summary": "It worked as described.",
        "duration_seconds": 60,
    }
    return _ms(server.call("record_execution", arguments)[0])


def _embedding_seconds(embedder: Embedder, text: str) -> float:
    started = time.perf_counter()
    embedder.embed([embedding_text(text)])
    return time.perf_counter() - started


def _ms(seconds: float) -> float:
    return 1000 * seconds
