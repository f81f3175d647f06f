"""The real server on a prepared database, as a client sees it over stdio."""

import statistics
import time
from typing import Any

from benchmarks.mcp_client import (
    EMPTY_SERVER,
    PRODUCT_SERVER,
    MeasurementFailed,
    first_whole_answer,
    spawn,
)
from benchmarks.memory import resident_mb, resident_parts
from benchmarks.scale.dataset import Dataset
from benchmarks.timing import percentiles

Outcome = dict[str, Any]


def measure_server(data: Dataset, *, starts: int, queries: int) -> Outcome:
    """Starts servers on the database: time to the first correct answer, memory, latency.

    Args:
        data: With the database.
        starts: Servers started, one after the other, at least 1.
        queries: Of those in distribution, asked of each server.

    Raises:
        MeasurementFailed: A server doesn't answer, gives degraded answers for too long, or its
            first whole answer isn't the very task that was asked for.
    """
    seconds, memory = [], []
    finds: list[float] = []
    for number in range(starts):
        known = data.texts["known_items"][number % len(data.texts["known_items"])]
        begun = time.perf_counter()
        with spawn(PRODUCT_SERVER, data.data_dir) as server:
            answer = first_whole_answer(server, known)
            seconds.append(time.perf_counter() - begun)
            check_answer(answer, known)
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


def check_answer(answer: Outcome, asked: str) -> None:
    """Raises MeasurementFailed unless the best match is the asked text."""
    first = answer["matches"][0] if answer["matches"] else {"task_description": "nothing"}
    if first["task_description"] != asked:
        raise MeasurementFailed(f"the first answer to {asked!r} is {first['task_description']!r}")
