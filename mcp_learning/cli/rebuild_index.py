"""`mcp-learning rebuild-index`: rebuilds the HNSW index, and on request recomputes embeddings."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import echo, index_line, print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import call, load_settings, request

if TYPE_CHECKING:
    from mcp_learning.models.health import Health
    from mcp_learning.models.maintenance import RebuildReport
    from mcp_learning.service.protocol import Learning


def rebuild_index(
    preset: Annotated[
        str, typer.Option(help="fast, balanced, high_recall, or custom with the next two")
    ] = "balanced",
    m: Annotated[
        int | None, typer.Option("--m", help="Links per node of the graph, 2 to 128")
    ] = None,
    ef_construction: Annotated[
        int | None, typer.Option(help="Candidates kept while building, 8 to 2,000")
    ] = None,
    reembed: Annotated[bool, typer.Option(help="Also recompute every embedding")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Rebuild the HNSW index, with progress."""
    from mcp_learning.models.requests import RebuildIndex
    from mcp_learning.server import answers

    order = request(
        RebuildIndex, preset=preset, m=m, ef_construction=ef_construction, reembed=reembed
    )
    settings = load_settings(data_dir, needs_database=True)
    with reported_progress(quiet=json) as report:

        async def work(learning: "Learning") -> "tuple[RebuildReport, Health]":
            return await learning.rebuild(order, report), await learning.health()

        result, health = call(settings, work)
    if json:
        print_json(result)
    else:
        echo(answers.rebuilt(result))
        echo(index_line(health))
