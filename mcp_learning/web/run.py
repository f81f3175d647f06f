"""The dashboard's process: joins the cluster like any server, serves the page, opens a browser."""

import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
from starlette.applications import Starlette

from mcp_learning.cluster.address import run_directory
from mcp_learning.cluster.member import ClusterMember
from mcp_learning.permissions import restrict_umask
from mcp_learning.server.http import GRACE_SECONDS, Place, digest_of, listen
from mcp_learning.server.service_runner import ServiceRunner
from mcp_learning.server.signals import leave_at_once
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.files import make_private
from mcp_learning.team.members import service_of

logger = logging.getLogger(__name__)

PAGE = "dashboard-{pid}.html"
"""A file that redirects a browser to the page, to keep the token off command lines."""

UNASKED_SECONDS = 5.0
"""Time after which a leading dashboard loads the model even without requests."""


def run(settings: Settings, *, port: int, browse: bool, as_json: bool) -> None:
    """Serves the dashboard until a signal ends it. Does not return.

    It listens on the loopback interface; port 0 is any free one. Without `settings.http_token`, a
    token is generated.

    Raises:
        ConfigurationError: The port is in use.
        StoreError: The data directory can't be created.
    """
    leave_at_once()
    listener = listen(Place("127.0.0.1", port), f"--port {port}")
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    token = secrets.token_urlsafe(32)
    if settings.http_token is not None:
        token = settings.http_token.get_secret_value()
    member = ClusterMember(settings, service=service_of(settings))
    member.prepare()

    from mcp_learning.server.connections import BoundedServer
    from mcp_learning.web.app import application

    opener = run_directory(settings) / PAGE.format(pid=os.getpid())

    def ready() -> None:
        _announce(address, token, as_json=as_json)
        if browse:
            Thread(target=_browse, args=(settings, opener, address, token), daemon=True).start()

    runner = ServiceRunner(member)
    served = application(
        runner.learning,
        settings,
        digest=digest_of(token.encode()),
        port=listener.getsockname()[1],
        answered=runner.note_answer,
        lifespan=_lifespan(runner, ready, opener),
    )
    BoundedServer(served, GRACE_SECONDS).serve_until_signal(listener)


def _lifespan(runner: ServiceRunner, ready: Callable[[], None], opener: Path) -> Any:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(runner.run)
            ready()
            group.start_soon(_load_at_last, runner)
            try:
                yield
            finally:
                await runner.close()
                with suppress(OSError):
                    await anyio.Path(opener).unlink(missing_ok=True)
                group.cancel_scope.cancel()

    return lifespan


async def _load_at_last(runner: ServiceRunner) -> None:
    """Loads the model if no request comes; otherwise the first responses trigger that."""
    await anyio.sleep(UNASKED_SECONDS)
    runner.note_answer()


def _announce(address: str, token: str, *, as_json: bool) -> None:
    url = f"{address}/#token={token}"
    if as_json:
        values = {"url": url, "metrics": f"{address}/metrics", "token": token}
        lines = [json.dumps(values)]
    else:
        lines = [f"The dashboard is at {url}", "Ctrl+C ends it."]
    print(*lines, sep="\n", flush=True)  # noqa: T201 - for the person who started it


def _browse(settings: Settings, opener: Path, address: str, token: str) -> None:
    try:
        make_private(settings.data_dir)
        make_private(opener.parent)
        for left in opener.parent.glob(PAGE.format(pid="*")):
            left.unlink(missing_ok=True)  # of a dashboard that was killed
        text = f'<meta http-equiv="refresh" content="0; url={address}/#token={token}">\n'
        with os.fdopen(os.open(opener, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        subprocess.run(
            [sys.executable, "-P", "-m", "webbrowser", opener.as_uri()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            umask=restrict_umask(),  # a browser that this starts creates files of its own
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        logger.warning("no browser was opened: %s", error)
