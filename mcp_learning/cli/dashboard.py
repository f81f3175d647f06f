"""`mcp-learning dashboard`: serves a page of what was learned, for people."""

import logging
from pathlib import Path

from mcp_learning.cli.session import fail, load_settings
from mcp_learning.errors import LearningError


def dashboard(*, port: int, browse: bool, data_dir: Path | None, as_json: bool) -> None:
    """Serves until it is interrupted; exits 1 if it can't."""
    settings = load_settings(data_dir)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.getLogger().level)
    logging.getLogger("mcp_learning").setLevel(logging.INFO)  # for the page's log of events

    from mcp_learning.web.run import run

    try:
        run(settings, port=port, browse=browse, as_json=as_json)
    except LearningError as error:
        fail(str(error))
