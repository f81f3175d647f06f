"""What `doctor` ends with: a real server process that records a task and finds it again.

It speaks the protocol by hand, a line of JSON each way, so that nothing of a client library stands
between the finding and its cause, and the exit code can be seen.
"""

import json
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mcp_learning import __version__
from mcp_learning.errors import LearningError
from mcp_learning.server import sandbox

SECONDS = 60
"""Longest time for the whole conversation; then the server is killed."""

TASK = "The nightly backup fails because the disk is full"
PARAPHRASE = "no space left when backing up at night"

_PROTOCOL = "2025-06-18"


@dataclass(frozen=True)
class RoundTrip:
    """A conversation that went well: times in milliseconds, and how alike the paraphrase is."""

    initialize_ms: float
    record_ms: float
    similarity: float


def round_trip(directory: Path) -> RoundTrip:
    """Starts a server on `directory`, records a task, finds it by a paraphrase, and ends it.

    Blocks, at most for SECONDS.

    Raises:
        LearningError: Any step failed; says which, with the last line of the server's log.
    """
    with _Server(directory) as server:
        begin = time.perf_counter()
        client = {"name": "mcp-learning-doctor", "version": __version__}
        server.ask(
            "initialize",
            {"protocolVersion": _PROTOCOL, "capabilities": {}, "clientInfo": client},
        )
        initialized = time.perf_counter()
        server.send({"method": "notifications/initialized"})
        recorded = server.call(
            "record_execution", task_type="probe", task_description=TASK, outcome="success"
        )
        durable = time.perf_counter()
        found = server.call("find_similar_tasks", task_description=PARAPHRASE)
        matches = found["matches"]
        if not matches or matches[0]["task_id"] != recorded["task_id"]:
            raise LearningError("the recorded task was not found again by a paraphrase of it")
        if status := server.leave():
            raise LearningError(f"the server ended with exit code {status} instead of 0")
    return RoundTrip(
        initialize_ms=1000 * (initialized - begin),
        record_ms=1000 * (durable - initialized),
        similarity=float(matches[0]["similarity"]),
    )


class _Server:
    """A server process and the conversation with it. Leaving the context kills what is left."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "server.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                sandbox.COMMAND,
                env=sandbox.environment(directory / "data"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        self._watchdog = threading.Timer(SECONDS, self._process.kill)
        self._watchdog.daemon = True
        self._next_id = 1

    def __enter__(self) -> Self:
        self._watchdog.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._watchdog.cancel()
        self._process.kill()
        with suppress(OSError):  # closing flushes what the server no longer reads
            self._pipe(self._process.stdin).close()
        self._pipe(self._process.stdout).close()
        self._process.wait()

    def send(self, message: dict[str, Any]) -> None:
        pipe = self._pipe(self._process.stdin)
        try:
            pipe.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            pipe.flush()
        except OSError as error:
            raise self._silent("the connection") from error

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Sends a request; returns its result, passing over notifications."""
        asked, self._next_id = self._next_id, self._next_id + 1
        self.send({"id": asked, "method": method, "params": params})
        for line in self._pipe(self._process.stdout):
            try:
                message = json.loads(line)
            except ValueError as error:
                raise LearningError(f"the server wrote {line.strip()[:80]!r} on stdout") from error
            if message.get("id") == asked:
                if "error" in message:
                    raise LearningError(f"{method} failed: {message['error'].get('message')}")
                return dict(message["result"])
        raise self._silent(method)

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Calls a tool; returns its structured content."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})
        if result.get("isError"):
            raise LearningError(f"{tool} failed: {result['content'][0]['text']}")
        return dict(result["structuredContent"])

    def leave(self) -> int:
        """Closes the connection, as clients do; returns the server's exit code."""
        self._pipe(self._process.stdin).close()
        return self._process.wait()

    def _silent(self, what: str) -> LearningError:
        status = self._process.wait()
        lines = self._log.read_text(errors="replace").strip().splitlines()
        log = f"; its log ends with: {lines[-1]}" if lines else ""
        return LearningError(f"the server ended ({status}) without answering {what}{log}")

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
