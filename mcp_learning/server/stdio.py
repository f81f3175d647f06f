"""Serves over stdio; decides what is imported when, and how the process ends.

Start: if no other process leads, the writer thread imports DuckDB and opens the database, another
thread imports the service, and this one the MCP SDK, so that the first record is durable within
milliseconds. The embedding model comes last, after the client's first exchange. A follower imports
the SDK alone.

End: EOF on stdin, SIGTERM and SIGINT close the service within a second and call `os._exit(0)`,
because a thread that still reads stdin, or imports the model, would delay a normal exit.
"""

import gc
import logging
import os
import sys
from collections.abc import Awaitable, Callable

import anyio
import anyio.from_thread
import anyio.lowlevel

from mcp_learning.cluster.config import ClusterConfig
from mcp_learning.cluster.member import ClusterMember
from mcp_learning.server.signals import leave_at_once, on_signal
from mcp_learning.settings import Settings
from mcp_learning.team.members import service_of


def serve(
    settings: Settings, *, read_only: bool = False, config: ClusterConfig | None = None
) -> None:
    """Serves one client over stdin and stdout until it leaves. Does not return."""
    leave_at_once()
    gc.disable()  # also when the command line has not done so already
    member = ClusterMember(settings, config=config, service=service_of(settings))
    member.prepare()

    from mcp_learning.server.app import LearningServer
    from mcp_learning.server.service_runner import ServiceRunner

    async def main() -> None:
        runner = ServiceRunner(member)
        server = LearningServer(runner, read_only=read_only)
        gc.freeze()
        gc.enable()
        async with anyio.create_task_group() as group:
            group.start_soon(_leave_on_signal, runner.close)
            await server.run_stdio_async()
            group.cancel_scope.cancel()

    status = 0
    try:
        anyio.run(main)
    except Exception:
        logging.getLogger(__name__).exception("the server failed")
        status = 1
    _leave(status)


async def _leave_on_signal(close: Callable[[], Awaitable[None]]) -> None:
    arrived = anyio.Event()
    token = anyio.lowlevel.current_token()
    on_signal(lambda: anyio.from_thread.run_sync(arrived.set, token=token))
    await arrived.wait()
    await close()
    _leave(0)


def _leave(status: int) -> None:
    sys.stderr.flush()
    os._exit(status)
