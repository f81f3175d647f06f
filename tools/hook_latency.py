"""Measures `mcp-learning hook claude-code` from the start of its process to its end.

python tools/hook_latency.py [RUNS] [ROWS]

A server runs on a temporary database with generated executions; the hook is then started RUNS times
with a prompt that has an answer, and as often without a server. Times are in milliseconds.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-P", "-m", "mcp_learning"]


def main() -> None:
    """Prints medians, 95th percentiles, and what the hook's own process used of a CPU."""
    runs, rows = (int(given) for given in (*sys.argv[1:], *("50", "10000")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        command("generate-data", "--count", str(rows), data=data)
        found = json.loads(command("similar", "a test fails", "--limit", "1", data=data))
        if not found["matches"]:
            sys.exit("nothing similar was generated; try more ROWS")
        prompt = found["matches"][0]["task_description"]
        print(report("no server", [hook(data, prompt) for _ in range(runs)]))
        server = subprocess.Popen(
            [*COMMAND, "serve", "--http", "127.0.0.1:0", "--data-dir", str(data)],
            stderr=subprocess.DEVNULL,
        )
        try:
            while not hook(data, prompt, "--patience", "60")[1]:  # until it has loaded everything
                time.sleep(0.1)
            taken = [hook(data, prompt) for _ in range(runs)]
        finally:
            server.terminate()
            server.wait()
    answered = sum(bool(one[1]) for one in taken)
    print(report(f"server with {rows:,} executions, {answered} answered", taken))


def command(*arguments: str, data: Path) -> str:
    """Runs a command to its end; what it printed as JSON."""
    line = [*COMMAND, *arguments, "--data-dir", str(data), "--json"]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def hook(data: Path, prompt: str, *options: str) -> tuple[float, bytes, float]:
    """Runs the hook; seconds, what it printed, and the seconds of CPU of its process."""
    payload = {"hook_event_name": "UserPromptSubmit", "prompt": prompt, "cwd": "/"}
    line = [*COMMAND, "hook", "claude-code", "--data-dir", str(data), *options]
    begin, before = time.perf_counter(), os.times()
    done = subprocess.run(line, input=json.dumps(payload).encode(), capture_output=True)
    taken, after = time.perf_counter() - begin, os.times()
    cpu = after.children_user + after.children_system
    return taken, done.stdout, cpu - before.children_user - before.children_system


def report(what: str, runs: list[tuple[float, bytes, float]]) -> str:
    """One line about some runs."""
    seconds = [one[0] for one in runs]
    p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    cpu = statistics.fmean(one[2] for one in runs)
    times = f"p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms, {1000 * cpu:.0f} ms of CPU"
    return f"{what}: {times}, {len(runs)} runs"


if __name__ == "__main__":
    main()
