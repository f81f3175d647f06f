"""A server as a child process that speaks MCP over pipes, one raw JSON line at a time.

No client library: what is measured is the server, not the client's own work.
"""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from mcp_learning.errors import LearningError
from mcp_learning.server import sandbox

PRODUCT_SERVER = sandbox.COMMAND
EMPTY_SERVER = (*sandbox.PYTHON, str(Path(__file__).with_name("empty_server.py")))
"""An MCPServer of the same SDK with one tool that does nothing, as a lower bound."""

PROTOCOL = "2025-11-25"
_LIFETIME_SECONDS = 300.0
_EXIT_SECONDS = 10.0


class MeasurementFailed(LearningError):
    """Raised when a server under measurement dies, hangs or answers with an error."""


class Connection:
    """The client's end. Requests are answered one after the other."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes], begun: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.pid = process.pid
        self._to, self._from = process.stdin, process.stdout
        self._errors = errors
        self._last_id = 0
        hello = {"name": "benchmark", "version": "1"}
        self.request(
            "initialize", {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": hello}
        )
        self.start_seconds = time.perf_counter() - begun
        """From spawning the process to the answer to initialize."""
        self._send({"method": "notifications/initialized"})

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request and waits for its result.

        Raises:
            MeasurementFailed: The server is gone, or its answer is an error.
        """
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        for line in self._from:
            if not line.lstrip().startswith(b"{"):  # a server that logs to stdout
                continue
            message = json.loads(line)
            if message.get("id") == self._last_id:
                if "result" not in message:
                    raise MeasurementFailed(f"{method} was refused: {message.get('error')}")
                result: dict[str, Any] = message["result"]
                return result
        raise MeasurementFailed(f"the server ended during {method}: {self._last_error_line()}")

    def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Calls a tool; returns seconds and its structured content.

        Raises:
            MeasurementFailed: The server is gone, or the tool reported an error.
        """
        started = time.perf_counter()
        result = self.request("tools/call", {"name": tool, "arguments": arguments})
        seconds = time.perf_counter() - started
        if result.get("isError"):
            raise MeasurementFailed(f"{tool} failed: {result['content']}")
        return seconds, result.get("structuredContent", {})

    def _send(self, message: Mapping[str, Any]) -> None:
        try:
            self._to.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            self._to.flush()
        except OSError as error:
            raise MeasurementFailed(f"the server ended: {self._last_error_line()}") from error

    def _last_error_line(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing to stderr"


@contextmanager
def spawn(
    command: Sequence[str],
    data_dir: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Connection]:
    """Starts a server and initializes it; ends it afterwards.

    Args:
        command: Such as `PRODUCT_SERVER` or `EMPTY_SERVER`.
        data_dir: Of its database. It gets default settings; the user's own don't reach it.
        environment: Instead of `data_dir`, for a server of any kind.

    Raises:
        MeasurementFailed: It doesn't answer.
    """
    if environment is None:
        assert data_dir is not None
        environment = _environment(data_dir)
    with TemporaryFile() as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
        )
        # Reading from a pipe has no timeout: a server that hangs is killed, which ends the pipe.
        watchdog = threading.Timer(_LIFETIME_SECONDS, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield Connection(process, errors, begun)
        finally:
            watchdog.cancel()
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with process:  # closes the pipes: the server leaves at the end of its input
        try:
            process.communicate(timeout=_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _environment(data_dir: Path) -> dict[str, str]:
    """Default settings; byte code is cached, as in an installation."""
    given = sandbox.environment(data_dir)
    return {name: value for name, value in given.items() if name != "PYTHONDONTWRITEBYTECODE"}
