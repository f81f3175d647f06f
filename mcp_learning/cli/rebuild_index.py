"""`mcp-learning rebuild-index`: the HNSW index, and on request the embeddings, made anew."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import load_settings, request, run, service

if TYPE_CHECKING:
    from mcp_learning.models.results import RebuildReport


def rebuild_index(
    preset: Annotated[str, typer.Option(help="fast, balanced or high_recall")] = "balanced",
    reembed: Annotated[bool, typer.Option(help="Also recompute every embedding")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Build the HNSW index anew, with progress."""
    from mcp_learning.models.requests import RebuildIndex
    from mcp_learning.server import answers

    order = request(RebuildIndex, preset=preset, reembed=reembed)
    settings = load_settings(data_dir, needs_database=True)
    with reported_progress(quiet=json) as report:

        async def work() -> "RebuildReport":
            async with service(settings) as learning:
                return await learning.rebuild(order, report)

        result = run(work)
    if json:
        print_json(result)
    else:
        console.print(answers.rebuilt(result), markup=False)
