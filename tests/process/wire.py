"""A real server process, spoken to in raw JSON lines: for what a client library would hide."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}


class Server:
    """`python -m mcp_learning` on a data directory. Use as a context manager."""

    def __init__(self, data_dir: Path, *, wrapper: list[str] | None = None, **env: str) -> None:
        command = wrapper or [sys.executable, "-m", "mcp_learning"]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "MCP_LEARNING_DATA_DIR": str(data_dir), **env},
        )
        self._next_id = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def send(self, message: dict[str, Any] | bytes) -> None:
        """Writes one line."""
        assert self.process.stdin is not None
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """The next message that is not a notification."""
        assert self.process.stdout is not None
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise EOFError("the server closed its output")
            message: dict[str, Any] = json.loads(line)
            if "id" in message:
                return message

    def request(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sends a request and returns its whole response."""
        self._next_id += 1
        self.send({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params or {}})
        return self.receive()

    def initialize(self) -> dict[str, Any]:
        """The handshake of protocol revisions up to 2025-11-25."""
        response = self.request("initialize", INITIALIZE)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        result: dict[str, Any] = response["result"]
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool and returns its result."""
        response = self.request("tools/call", {"name": tool, "arguments": arguments})
        result: dict[str, Any] = response["result"]
        return result

    def leave(self) -> tuple[int, str]:
        """Closes stdin, as a client that leaves; returns the exit status and stderr."""
        _, stderr = self.process.communicate(timeout=30)  # closes stdin first
        return self.process.returncode, stderr.decode()
