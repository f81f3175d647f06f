"""Measures `mcp-learning hook claude-code` from the start of its process to its end.

python tools/hook_latency.py [RUNS] [ROWS]

A server runs on a temporary database with generated executions; the hook is then started RUNS times
with a prompt that it answers, and as often without a server. Times are in milliseconds.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = [sys.executable, "-P", "-m", "mcp_learning"]
PROMPT = "Fix the login redirect loop after the session expired"


def main() -> None:
    """Prints the medians and the 95th percentiles."""
    runs, rows = (int(given) for given in (*sys.argv[1:], "50", "10000")[:2])
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        fill = ["generate-data", "--count", str(rows), "--data-dir", str(data), "--json"]
        subprocess.run([*COMMAND, *fill], check=True, stdout=subprocess.DEVNULL)
        print(report("no server", [hook(data)[0] for _ in range(runs)]))
        server = subprocess.Popen(
            [*COMMAND, "serve", "--http", "127.0.0.1:0", "--data-dir", str(data)],
            stderr=subprocess.DEVNULL,
        )
        try:
            while not hook(data, "--patience", "60")[1]:  # until it has loaded all there is
                time.sleep(0.1)
            taken = [hook(data) for _ in range(runs)]
        finally:
            server.terminate()
            server.wait()
    answered = sum(bool(output) for _, output in taken)
    print(report(f"server with {rows:,} executions, {answered} answered", [t for t, _ in taken]))


def hook(data: Path, *options: str) -> tuple[float, bytes]:
    """Runs the hook; seconds, and what it printed."""
    payload = {"hook_event_name": "UserPromptSubmit", "prompt": PROMPT, "cwd": "/"}
    command = [*COMMAND, "hook", "claude-code", "--data-dir", str(data), *options]
    begin = time.perf_counter()
    done = subprocess.run(command, input=json.dumps(payload).encode(), capture_output=True)
    return time.perf_counter() - begin, done.stdout


def report(what: str, seconds: list[float]) -> str:
    """One line about some runs."""
    p50, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    return f"{what}: p50 {1000 * p50:.0f} ms, p95 {1000 * p95:.0f} ms of {len(seconds)} runs"


if __name__ == "__main__":
    main()
