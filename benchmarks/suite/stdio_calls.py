"""Measures a server as a client sees it, over pipes."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

from benchmarks import targets
from benchmarks.mcp_client import EMPTY_SERVER, PRODUCT_SERVER, Connection, spawn
from benchmarks.memory import resident_mb
from benchmarks.targets import Measurement, compare
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.synthetic.generator import GeneratedTask

_WARM_UP = 5


def measure_starts(tasks: Sequence[GeneratedTask], scratch: Path) -> list[Measurement]:
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
            first.append(record(server, task))
    return [
        compare(targets.START, learning[1:], empty[1:]),
        compare(targets.FIRST_RECORD, first[1:]),
    ]


def measure_calls(
    queries: Sequence[str], tasks: Iterable[GeneratedTask], data_dir: Path, embedder: Embedder
) -> list[Measurement]:
    """Searches and look-ups, then the server's memory, advice and records, on a filled database.

    Args:
        queries: Different texts; the first few warm up and aren't counted.
        tasks: What is recorded; likewise.
        data_dir: Of the filled database.
        embedder: A loaded one, for the comparison.

    Raises:
        MeasurementFailed: A server doesn't answer.
    """
    finds, gets, embeds, empties = [], [], [], []
    with spawn(PRODUCT_SERVER, data_dir) as server, spawn(EMPTY_SERVER, data_dir) as empty:
        for query in queries:
            seconds, _ = server.call("find_similar_tasks", {"task_description": query})
            finds.append(_ms(seconds))
            gets.append(look_up(server))
            embeds.append(_ms(_embedding_seconds(embedder, query)))
            empties.append(_ms(empty.call("nothing", {})[0]))
        memory = resident_mb(server.pid)
        advised = [_searched_and_advised(server, query) for query in queries]
        records = [record(server, task) for task in tasks]
    added = [
        find - embed - empty for find, embed, empty in zip(finds, embeds, empties, strict=True)
    ]
    return [
        compare(targets.RECORD, records[_WARM_UP:]),
        compare(targets.GET, gets[_WARM_UP:], empties[_WARM_UP:]),
        compare(targets.FIND, added[_WARM_UP:]),
        compare(targets.RECOMMEND, *([pair[at] for pair in advised[_WARM_UP:]] for at in (1, 0))),
        compare(targets.MEMORY, [memory]),
    ]


def _searched_and_advised(server: Connection, query: str) -> tuple[float, float]:
    """Milliseconds of a search and of a recommendation, with different new texts."""
    searched, _ = server.call("find_similar_tasks", {"task_description": f"{query} once more"})
    advised, _ = server.call("recommend_approach", {"task_description": f"{query} from the start"})
    return _ms(searched), _ms(advised)


def record(server: Connection, task: GeneratedTask) -> float:
    """Records a task; returns milliseconds."""
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


def look_up(server: Connection) -> float:
    """Milliseconds of a look-up that finds nothing, which is an error of the tool."""
    arguments = {"task_id": str(uuid4())}
    started = time.perf_counter()
    server.request("tools/call", {"name": "get_execution", "arguments": arguments})
    return _ms(time.perf_counter() - started)


def _embedding_seconds(embedder: Embedder, text: str) -> float:
    started = time.perf_counter()
    embedder.embed([embedding_text(text)])
    return time.perf_counter() - started


def _ms(seconds: float) -> float:
    return 1000 * seconds
