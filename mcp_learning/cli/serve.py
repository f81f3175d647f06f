"""`mcp-learning serve`: settings, logging, then the server."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from mcp_learning.errors import LearningError
from mcp_learning.settings import Settings


def serve(
    data_dir: Path | None,
    *,
    http: str = "",
    read_only: bool = False,
    hosts: Sequence[str] = (),
    new_token: bool = False,
) -> None:
    """Serves until the client leaves, or HTTP until it is ended; exits 2 if a setting is wrong.

    Args:
        data_dir: As for every command; None: as configured.
        http: Where to listen, HOST:PORT; empty: stdin and stdout.
        read_only: Leave out every tool that writes.
        hosts: Further names under which HTTP is served.
        new_token: Make a new token for HTTP.
    """
    try:
        settings = Settings.load(data_dir=data_dir)
        log_to_stderr(settings.log_level)
        if http:
            from mcp_learning.server.http import Place
            from mcp_learning.server.http import serve as serve_http

            serve_http(
                settings,
                Place.parse(http),
                read_only=read_only,
                hosts=hosts,
                renew_token=new_token,
            )
    except LearningError as error:
        print(f"mcp-learning: {error}", file=sys.stderr)  # noqa: T201 - for whoever starts it
        sys.exit(2)

    from mcp_learning.server.stdio import serve as serve_stdio

    serve_stdio(settings, read_only=read_only)


def log_to_stderr(level: str) -> None:
    """Sends every log record to stderr: stdout belongs to the protocol, or to results."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("mcp", "httpx", "httpx2", "huggingface_hub", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
