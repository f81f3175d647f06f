"""`mcp-learning serve`: settings, logging, then the server."""

import logging
import sys
from pathlib import Path

from mcp_learning.errors import LearningError
from mcp_learning.settings import Settings


def serve(data_dir: Path | None) -> None:
    """Serves over stdio until the client leaves; exits 2 if a setting is wrong."""
    try:
        settings = Settings.load(data_dir=data_dir)
    except LearningError as error:
        print(f"mcp-learning: {error}", file=sys.stderr)  # noqa: T201 - logging isn't set up yet
        sys.exit(2)
    log_to_stderr(settings.log_level)

    from mcp_learning.server.stdio import serve as serve_stdio

    serve_stdio(settings)


def log_to_stderr(level: str) -> None:
    """Sends every log record to stderr: stdout belongs to the protocol, or to results."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for chatty in ("mcp", "httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
