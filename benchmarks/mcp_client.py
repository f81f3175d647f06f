"""Servers under measurement: child processes that are spoken to over stdio."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import TimeoutExpired
from tempfile import TemporaryFile
from typing import Any

from mcp_learning.cli.stdio_client import StdioClient
from mcp_learning.errors import LearningError
from mcp_learning.server import sandbox

PRODUCT_SERVER = sandbox.COMMAND
EMPTY_SERVER = (*sandbox.PYTHON, str(Path(__file__).with_name("empty_server.py")))
"""An MCPServer of the same SDK with one tool that does nothing, as a lower bound."""

LONGEST_START_SECONDS = 120.0
"""Time after which a server that still gives degraded answers is given up."""

_LIFETIME_SECONDS = 300.0
_EXIT_SECONDS = 10.0


class MeasurementFailed(LearningError):
    """Raised when what is measured does not do what is asked."""


class Connection:
    """A conversation with an initialized server. Requests are answered one after the other.

    Attributes:
        pid: Of the server's process.
        start_seconds: From spawning the process to the answer to initialize.
    """

    def __init__(self, client: StdioClient, begun: float) -> None:
        self._client = client
        self.pid = client.process.pid
        client.initialize("benchmark")
        self.start_seconds = time.perf_counter() - begun

    def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a request and waits for its result.

        Raises:
            LearningError: The server is gone, or its answer is an error.
        """
        return self._client.ask(method, params)

    def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
        """Calls a tool; returns seconds and its structured content.

        Raises:
            LearningError: The server is gone, or the tool reported an error.
        """
        started = time.perf_counter()
        content = self._client.content(tool, **arguments)
        return time.perf_counter() - started, content


@contextmanager
def spawn(
    command: Sequence[str],
    data_dir: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    lifetime: float = _LIFETIME_SECONDS,
) -> Iterator[Connection]:
    """Starts a server and initializes it; ends it afterwards.

    Args:
        command: Such as `PRODUCT_SERVER` or `EMPTY_SERVER`.
        data_dir: Of its database. It gets default settings; the user's own don't reach it.
        environment: Instead of `data_dir`, for a server of any kind.
        lifetime: Seconds after which it is killed, should it hang.

    Raises:
        LearningError: It doesn't answer.
    """
    if environment is None:
        assert data_dir is not None
        environment = default_environment(data_dir)
    with TemporaryFile() as log:
        begun = time.perf_counter()
        client = StdioClient(command, environment, log=log, seconds=lifetime, noisy=True)
        with client:
            yield Connection(client, begun)
            with suppress(TimeoutExpired):  # leaving the context kills it then
                client.leave(_EXIT_SECONDS)


def default_environment(data_dir: Path) -> dict[str, str]:
    """Default settings; byte code is cached, as in an installation."""
    given = sandbox.environment(data_dir)
    return {name: value for name, value in given.items() if name != "PYTHONDONTWRITEBYTECODE"}


def first_whole_answer(server: Connection, text: str) -> dict[str, Any]:
    """Searches for a text until an answer isn't degraded any more.

    Raises:
        MeasurementFailed: Answers are degraded for too long.
    """
    deadline = time.perf_counter() + LONGEST_START_SECONDS
    while True:
        _, answer = server.call("find_similar_tasks", {"task_description": text})
        if not answer["search"]["degraded"]:
            return answer
        if time.perf_counter() > deadline:
            raise MeasurementFailed(f"answers stay degraded: {answer['search']['reason']}")
