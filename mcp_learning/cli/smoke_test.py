"""The end-to-end check of `doctor`: a real server process records a task and finds it again."""

import time
from dataclasses import dataclass
from pathlib import Path

from mcp_learning.cli.stdio_client import StdioClient
from mcp_learning.errors import LearningError
from mcp_learning.server import sandbox

_SECONDS = 60  # longest duration of the session, after which the server is killed
TASK = "The nightly backup fails because the disk is full"
PARAPHRASE = "no space left when backing up at night"


@dataclass(frozen=True)
class RoundTrip:
    """Times in milliseconds, and the similarity of the task and its paraphrase, 0..1."""

    initialize_ms: float
    record_ms: float
    similarity: float


def round_trip(directory: Path) -> RoundTrip:
    """Starts a server on `directory`, records a task, finds it by a paraphrase, and ends it.

    Blocks, for a minute at most.

    Raises:
        LearningError: A step failed; says which, with the last line of the server's log.
    """
    environment = sandbox.environment(directory / "data")
    begin = time.perf_counter()
    with (
        (directory / "server.log").open("w+b") as log,
        StdioClient(sandbox.COMMAND, environment, log=log, seconds=_SECONDS) as server,
    ):
        server.initialize("mcp-learning-doctor")
        initialized = time.perf_counter()
        recorded = server.content(
            "record_execution", task_type="probe", task_description=TASK, outcome="success"
        )
        durable = time.perf_counter()
        matches = server.content("find_similar_tasks", task_description=PARAPHRASE)["matches"]
        if not matches or matches[0]["task_id"] != recorded["task_id"]:
            raise LearningError("the recorded task was not found again by a paraphrase of it")
        status, _ = server.leave(_SECONDS)
        if status:
            raise LearningError(f"the server ended with exit code {status} instead of 0")
    return RoundTrip(
        initialize_ms=1000 * (initialized - begin),
        record_ms=1000 * (durable - initialized),
        similarity=float(matches[0]["similarity"]),
    )
