"""Measures what a call costs that a follower passes on to the leader."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from benchmarks import targets
from benchmarks.mcp_client import EMPTY_SERVER, PRODUCT_SERVER, Connection, MeasurementFailed, spawn
from benchmarks.memory import resident_mb
from benchmarks.targets import Measurement, compare

_WARM_UP = 5
_ANY = {"min_similarity": 0, "limit": 1}


def measure_followers(queries: Sequence[str], data_dir: Path) -> list[Measurement]:
    """Calls a leader and its follower in turn, then measures the follower's memory.

    Args:
        queries: Different texts; the first few warm up and aren't counted.
        data_dir: Of the filled database.

    Raises:
        MeasurementFailed: A server doesn't answer, or there is no follower.
    """
    with spawn(PRODUCT_SERVER, data_dir) as leader, spawn(EMPTY_SERVER, data_dir) as empty:
        _, found = leader.call("find_similar_tasks", {"task_description": queries[0], **_ANY})
        known = {"task_id": found["matches"][0]["task_id"]}
        with spawn(PRODUCT_SERVER, data_dir) as follower:
            _assert_led(follower, leader)
            added = []
            turns = cycle(((leader, follower), (follower, leader)))
            tools = cycle(("get_execution", "find_similar_tasks", "learning_stats"))
            for query, tool, order in zip(queries, tools, turns, strict=False):
                given = {"get_execution": known, "find_similar_tasks": {"task_description": query}}
                took = {server: server.call(tool, given.get(tool, {}))[0] for server in order}
                added.append(1000 * (took[follower] - took[leader]))
            empty.call("nothing", {})
            memory = resident_mb(follower.pid)
            least = resident_mb(empty.pid)
    return [
        compare(targets.FOLLOWER, added[_WARM_UP:]),
        compare(targets.FOLLOWER_MEMORY, [memory], [least]),
    ]


def _assert_led(follower: Connection, leader: Connection) -> None:
    _, stats = follower.call("learning_stats", {})
    if stats["health"]["leader"]["pid"] != leader.pid:
        raise MeasurementFailed("the second server doesn't follow the first")
