"""`mcp-learning generate-embeddings`: computes missing vectors."""

from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import call, load_settings, request
from mcp_learning.models.wording import counted


def generate_embeddings(
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most executions to embed; default: all")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make the vectors that executions lack, with progress."""
    from mcp_learning.models.maintenance import EmbedMissing

    order = request(EmbedMissing, limit=limit)
    settings = load_settings(data_dir, needs_database=True)
    with reported_progress(quiet=json) as report:
        done = call(settings, lambda learning: learning.embed_missing(order, report))
    if json:
        print_json(done)
    elif not done.embedded and not done.pending:
        typer.echo("Every execution has its vector already.")
    else:
        made = counted(done.embedded, "execution")
        typer.echo(f"{made} embedded in {done.seconds:.1f} s, {done.pending:,} still to do.")
