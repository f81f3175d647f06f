"""A minimal MCP client over stdio: one line of JSON each way.

`doctor`, the benchmarks and the tests use it instead of the SDK's client, which hides the server's
exit code and stderr, adds its own time, and can't send malformed lines.
"""

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Any, Self

from mcp_learning import __version__
from mcp_learning.errors import LearningError

PROTOCOL = "2025-11-25"


class ServerEnded(LearningError):
    """Raised when the server ends, or is killed at its deadline, before it has answered."""


class StdioClient:
    """A server process and a session with it. As a context manager, kills the process at the end.

    Methods raise `ServerEnded` if the server no longer reads or answers, and a `LearningError` if
    it answers with an error, or writes something else than messages.

    Attributes:
        process: The server. Its pipes carry bytes.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        log: IO[bytes] | None = None,
        seconds: float | None = None,
        noisy: bool = False,
    ) -> None:
        """Starts the server.

        Args:
            command: The program and its arguments.
            environment: All its environment variables.
            log: File for its stderr, open for reading, too; None: a pipe.
            seconds: Time after which the process is killed; None: no limit.
            noisy: Ignore lines on stdout that aren't JSON objects, for servers that log there.
        """
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log or subprocess.PIPE,
            env=environment,
        )
        self._log = log
        self._noisy = noisy
        self._last_id = 0
        self._watchdog: threading.Timer | None = None
        if seconds is not None:  # reading from a pipe has no timeout
            self._watchdog = threading.Timer(seconds, self.process.kill)
            self._watchdog.daemon = True
            self._watchdog.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self.process.poll() is None:
            self.process.kill()
        with suppress(OSError):  # closing flushes data that the server no longer reads
            if self.process.stdin is not None:
                self.process.stdin.close()
        self.process.stdin = None
        self.process.communicate()

    def send(self, message: Mapping[str, Any] | bytes) -> None:
        """Writes one line: a message, to which `jsonrpc` is added if missing, or any bytes."""
        if not isinstance(message, bytes):
            message = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(message + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise self._ended("the connection") from error

    def send_request(self, method: str, params: Mapping[str, Any] | None = None) -> int:
        """Sends a request without waiting for its response; returns its id."""
        self._last_id += 1
        self.send({"id": self._last_id, "method": method, "params": params or {}})
        return self._last_id

    def receive(self, waiting_for: str = "a request") -> dict[str, Any]:
        """The next message that is not a notification."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if self._noisy and not line.lstrip().startswith(b"{"):
                continue
            try:
                message: dict[str, Any] = json.loads(line)
            except ValueError as error:
                shown = line.decode(errors="replace").strip()[:80]
                raise LearningError(f"the server wrote {shown!r} on stdout") from error
            if "id" in message:
                return message
        raise self._ended(waiting_for)

    def request(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Sends a request; returns its whole response, a result or an error."""
        asked = self.send_request(method, params)
        while (message := self.receive(method))["id"] != asked:
            pass
        return message

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Sends a request; returns its result."""
        response = self.request(method, params)
        if "result" not in response:
            raise LearningError(f"{method} failed: {response['error'].get('message')}")
        result: dict[str, Any] = response["result"]
        return result

    def initialize(self, client_name: str = "test", protocol: str = PROTOCOL) -> dict[str, Any]:
        """Performs the handshake; returns the server's answer."""
        result = self.ask("initialize", initialization(client_name, protocol))
        self.send({"method": "notifications/initialized"})
        return result

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool; returns its result, which may be an error."""
        return self.ask("tools/call", {"name": tool, "arguments": arguments})

    def content(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool; returns its structured content. Raises an error of the tool."""
        result = self.call(tool, **arguments)
        if result.get("isError"):
            raise LearningError(f"{tool} failed: {result['content'][0]['text']}")
        return dict(result.get("structuredContent", {}))

    def leave(self, seconds: float = 30) -> tuple[int, str]:
        """Closes stdin, as clients do; returns the exit code and the output on stderr.

        Raises:
            subprocess.TimeoutExpired: The server still runs after `seconds`.
        """
        _, errors = self.process.communicate(timeout=seconds)  # closes stdin first
        return self.process.returncode, self.log() if errors is None else errors.decode()

    def log(self) -> str:
        """The server's output on stderr; from a pipe, only after it has ended."""
        if self._log is not None:
            self._log.seek(0)
            return self._log.read().decode(errors="replace")
        assert self.process.stderr is not None
        return self.process.stderr.read().decode(errors="replace")

    def _ended(self, waiting_for: str) -> ServerEnded:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)  # it has closed its stdout already
        self.process.kill()
        status = self.process.wait()
        lines = self.log().strip().splitlines()
        last = f"; its log ends with: {lines[-1]}" if lines else ""
        return ServerEnded(f"the server ended ({status}) without answering {waiting_for}{last}")


def initialization(client_name: str, protocol: str = PROTOCOL) -> dict[str, Any]:
    """Parameters of `initialize` for a client without capabilities."""
    return {
        "protocolVersion": protocol,
        "capabilities": {},
        "clientInfo": {"name": client_name, "version": __version__},
    }
