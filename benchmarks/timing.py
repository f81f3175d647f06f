"""Latency percentiles of calls made one after the other."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Q = TypeVar("Q")
R = TypeVar("R")

WARM_UP = 5
"""Calls made before the clock runs."""

_AT_LEAST = 10


@dataclass(frozen=True)
class Timing:
    """Percentiles of a call's duration, in milliseconds, and the number of calls."""

    p50: float
    p95: float
    p99: float
    samples: int


def percentiles(seconds: Iterable[float]) -> Timing:
    """The percentiles of at least one duration, given in seconds."""
    values = 1000 * np.fromiter(seconds, float)
    p50, p95, p99 = (round(float(value), 4) for value in np.percentile(values, [50, 95, 99]))
    return Timing(p50, p95, p99, len(values))


def timed(
    queries: Sequence[Q], call: Callable[[Q], R], budget: float = float("inf")
) -> tuple[Timing, list[R]]:
    """Calls once per query, one after the other.

    Args:
        queries: At least one; the first few are also used to warm up.
        call: What is measured.
        budget: Seconds after which no further query is made, once there are ten.

    Returns:
        The timing, and the results of the first queries, as many as were made.
    """
    for query in queries[:WARM_UP]:
        call(query)
    seconds: list[float] = []
    results: list[R] = []
    for query in queries:
        if len(seconds) >= _AT_LEAST and sum(seconds) > budget:
            break
        started = time.perf_counter()
        results.append(call(query))
        seconds.append(time.perf_counter() - started)
    return percentiles(seconds), results
