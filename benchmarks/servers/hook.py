"""Latency of `mcp-learning hook claude-code`, from the start of its process to its end."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.mcp_client import MeasurementFailed
from mcp_learning.server import sandbox


class HookRun(NamedTuple):
    """One run of the hook.

    Attributes:
        seconds: From the start of its process to its end.
        output: What it printed; empty without an answer.
        cpu_seconds: What its process used of a CPU.
    """

    seconds: float
    output: bytes
    cpu_seconds: float


def measure(runs: int, rows: int) -> tuple[list[HookRun], list[HookRun]]:
    """Runs the hook without a server and beside one, with a prompt that has an answer.

    Args:
        runs: Of each, at least 2.
        rows: Generated executions in a temporary database.

    Raises:
        MeasurementFailed: No generated execution answers the prompt.
    """
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        _command("generate-data", "--count", str(rows), data=data)
        found = json.loads(_command("similar", "a test fails", "--limit", "1", data=data))
        if not found["matches"]:
            raise MeasurementFailed("no generated execution is similar; use more rows")
        prompt = found["matches"][0]["task_description"]
        alone = [_hook(data, prompt) for _ in range(runs)]
        server = subprocess.Popen(
            [*sandbox.COMMAND, "serve", "--http", "127.0.0.1:0"],
            env=sandbox.environment(data),
            stderr=subprocess.DEVNULL,
        )
        try:
            while not _hook(data, prompt, "--timeout", "60").output:  # until all is loaded
                time.sleep(0.1)
            return alone, [_hook(data, prompt) for _ in range(runs)]
        finally:
            server.terminate()
            server.wait()


def summary(what: str, runs: list[HookRun]) -> str:
    """One line: percentiles of the duration, CPU time, and how many runs had an answer."""
    seconds = [one.seconds for one in runs]
    p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    cpu = statistics.fmean(one.cpu_seconds for one in runs)
    times = f"p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms, {1000 * cpu:.0f} ms of CPU"
    return f"{what}: {times}, {len(runs)} runs, {sum(bool(one.output) for one in runs)} answered"


def _command(*arguments: str, data: Path) -> str:
    """Runs a command to its end; returns what it printed as JSON."""
    line = [*sandbox.COMMAND, *arguments, "--json"]
    done = subprocess.run(
        line, check=True, stdout=subprocess.PIPE, encoding="utf-8", env=sandbox.environment(data)
    )
    return done.stdout


def _hook(data: Path, prompt: str, *options: str) -> HookRun:
    payload = {"hook_event_name": "UserPromptSubmit", "prompt": prompt, "cwd": "/"}
    begun, before = time.perf_counter(), os.times()
    done = subprocess.run(
        [*sandbox.COMMAND, "hook", "claude-code", *options],
        input=json.dumps(payload).encode(),
        capture_output=True,
        env=sandbox.environment(data),
        check=False,
    )
    seconds, after = time.perf_counter() - begun, os.times()
    cpu = after.children_user + after.children_system
    return HookRun(seconds, done.stdout, cpu - before.children_user - before.children_system)
