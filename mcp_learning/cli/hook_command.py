"""`mcp-learning hook`: its help and its errors.

`main` calls `hook.py` for `hook CLIENT` without Typer, for whose import a person would wait at each
prompt.
"""

from typing import Annotated

import typer

from mcp_learning.cli import hook as answering
from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.running import fail
from mcp_learning.clients.hook_events import CLIENTS


def hook(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help=", ".join(CLIENTS))],
    timeout: Annotated[
        float, typer.Option(min=0.01, help="Seconds to wait for the server that runs")
    ] = answering.SECONDS,
    record: Annotated[
        bool, typer.Option("--record", help="Record the session's latest task, and wait for it")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Answer a hook of an agent client, whose JSON is on stdin; `install --hooks` sets it up."""
    if client not in CLIENTS:
        fail(f"CLIENT: {client!r} has no hooks here; use one of {', '.join(CLIENTS)}", status=2)
    given = None if data_dir is None else str(data_dir)
    answering.run(client, data_dir=given, timeout=timeout, record=record)
