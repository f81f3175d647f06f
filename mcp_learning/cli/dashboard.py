"""`mcp-learning dashboard`: serves a page of what was learned, for people."""

import logging
from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.running import load_settings


def dashboard(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="On the loopback interface; 0: any free one")
    ] = 0,
    browse: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show what was learned as a page in the browser, on this machine only."""
    settings = load_settings(data_dir, needs_database=True)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.getLogger().level)
    logging.getLogger("mcp_learning").setLevel(logging.INFO)  # for the page's log of events

    from mcp_learning.web.run import run

    run(settings, port=port, browse=browse, as_json=json)
