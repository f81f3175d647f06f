"""`mcp-learning recommend`: compares options for a task."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import echo, echo_note, print_json, search_gaps
from mcp_learning.cli.running import call, load_settings, request

if TYPE_CHECKING:
    from mcp_learning.models.health import Health
    from mcp_learning.models.results import Recommendation
    from mcp_learning.service.protocol import Learning

_MAX_TOKENS = 50_000  # the maximum of a request, since people are shown everything


def recommend(
    task_description: Annotated[str, typer.Argument(metavar="TEXT", help="The task at hand")],
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="approach, model_tier, pool_type, swarm_topology or routing (these three)",
        ),
    ] = "approach",
    repo: Annotated[str, typer.Option(help="Where the task is")] = "",
    task_type: Annotated[
        str,
        typer.Option("--type", "--task-type", help="Its type; options used for it are compared"),
    ] = "",
    objective: Annotated[
        str, typer.Option(help="What to optimise: quality, cost or balanced")
    ] = "quality",
    explore: Annotated[
        bool, typer.Option("--explore", help="Draw one to try, by its probability to be the best")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most options to show")] = 4,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare how approaches ended on tasks like TEXT."""
    from mcp_learning.models.requests import RecommendApproach
    from mcp_learning.server import advice

    query = request(
        RecommendApproach,
        task_description=task_description,
        by=by,
        repo=repo,
        task_type=task_type,
        objective=objective,
        explore=explore,
        limit=limit,
        max_tokens=_MAX_TOKENS,
    )
    settings = load_settings(data_dir, needs_database=True)

    async def work(learning: "Learning") -> "tuple[Recommendation, Health]":
        return await learning.recommend(query), await learning.health()

    found, health = call(settings, work, "comparing")
    result, rendered = advice.recommendation(found, query)
    if json:
        print_json(result)
    else:
        echo(rendered)
    for line in search_gaps(health):
        echo_note(line, beside_json=json)
