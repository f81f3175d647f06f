"""Measures MCP servers side by side, for the table in the README.

python tools/compare.py NAME=COMMAND [NAME=COMMAND ...]

Each server is started ROUNDS times, in turn, over stdio: seconds from the start of its process to
its answer to `initialize`, then its number of tools, the bytes of `tools/list` as JSON, and the
resident memory of its processes. The environment is passed on, so a server can be given an empty
database, or no network (`unshare -rn`).
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROUNDS = 5
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "compare", "version": "1"},
}


def main() -> None:
    """Prints one row of a table for each server."""
    commands = dict(given.split("=", 1) for given in sys.argv[1:])
    if not commands:
        sys.exit(__doc__)
    measured: dict[str, list[tuple[float, int, int, float]]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            measured[name].append(measure(shlex.split(command)))
    print("| server | tools | `tools/list`, bytes | start to `initialize`, s | resident, MB |")
    print("|---|---|---|---|---|")
    for name, rounds in measured.items():
        columns = zip(*rounds, strict=True)
        seconds, tools, size, memory = (statistics.median(column) for column in columns)
        print(f"| {name} | {tools:.0f} | {size:,.0f} | {seconds:.1f} | {memory:.0f} |")


def measure(command: list[str]) -> tuple[float, int, int, float]:
    """Seconds to `initialize`, tools, bytes of their list, MB resident after it."""
    begin = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            ask(server, 1, "initialize", INITIALIZE)
            taken = time.perf_counter() - begin
            tell(server, {"method": "notifications/initialized"})
            result = ask(server, 2, "tools/list", {})
            size = len(json.dumps(result, separators=(",", ":"), ensure_ascii=False).encode())
            return taken, len(result["tools"]), size, resident(server.pid) / 1e6
        finally:
            server.kill()


def ask(server: "subprocess.Popen[bytes]", number: int, method: str, params: Any) -> Any:
    """The result of a request; what else the server says meanwhile is skipped."""
    tell(server, {"id": number, "method": method, "params": params})
    assert server.stdout is not None
    for line in server.stdout:
        message = json.loads(line) if line.lstrip().startswith(b"{") else {}
        if message.get("id") == number and "result" in message:
            return message["result"]
        if message.get("id") == number and "error" in message:
            sys.exit(f"{server.args!r}: {message['error']}")
    sys.exit(f"{server.args!r} ended without an answer to {method}")


def tell(server: "subprocess.Popen[bytes]", message: dict[str, Any]) -> None:
    """Sends one message."""
    assert server.stdin is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    server.stdin.flush()


def resident(pid: int) -> int:
    """Bytes of a process and its children, on Linux."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for task in tasks for child in task.read_text().split()]
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(resident(child) for child in children)


if __name__ == "__main__":
    main()
