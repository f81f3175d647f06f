"""MCP servers side by side: start-up, tools and memory."""

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.mcp_client import spawn


class ServerFigures(NamedTuple):
    """What one start of a server measured.

    Attributes:
        start_seconds: From the start of its process to its answer to `initialize`.
        tools: How many it offers.
        list_bytes: Size of the result of `tools/list`, as compact JSON.
        resident_mb: Of its process and their children after that, in MB (10^6 bytes).
    """

    start_seconds: float
    tools: float
    list_bytes: float
    resident_mb: float


def compare(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, ServerFigures]:
    """Starts each server `rounds` times, in turn; returns the medians. Linux only.

    Args:
        commands: By name. The environment is passed on, so that a server can be given an empty
            database, or no network (`unshare -rn`).
        rounds: At least 1.

    Raises:
        MeasurementFailed: A server doesn't answer.
    """
    measured: dict[str, list[ServerFigures]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            measured[name].append(_measure(command))
    return {
        name: ServerFigures(*(statistics.median(column) for column in zip(*rounds, strict=True)))
        for name, rounds in measured.items()
    }


def markdown(found: Mapping[str, ServerFigures]) -> str:
    """A table, one row per server."""
    lines = [
        "| server | tools | `tools/list`, bytes | start to `initialize`, s | resident, MB |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one.tools:.0f} | {one.list_bytes:,.0f} | {one.start_seconds:.1f} "
        f"| {one.resident_mb:.0f} |"
        for name, one in found.items()
    ]
    return "\n".join(lines)


def _measure(command: Sequence[str]) -> ServerFigures:
    with spawn(command, environment=os.environ) as server:
        listed = server.request("tools/list", {})
        size = len(json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode())
        memory = _resident_bytes(server.pid) / 1e6
        return ServerFigures(server.start_seconds, len(listed["tools"]), size, memory)


def _resident_bytes(pid: int) -> int:
    """Of a process and its children, on Linux."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(_resident_bytes, children))
