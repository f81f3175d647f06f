"""The commands that make data and measure."""

from pathlib import Path
from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir, Json

app = typer.Typer()


@app.command("generate-data")
def generate_data(
    count: Annotated[int, typer.Option(min=1, help="Executions to add")],
    task_types: Annotated[str, typer.Option(help="Comma-separated; default: all")] = "",
    seed: Annotated[int, typer.Option(help="The same seed makes the same tasks")] = 1,
    embed: Annotated[
        bool, typer.Option("--embed/--no-embed", help="Without, vectors are left to the server")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add generated, realistic executions to the database, for trying things out at scale."""
    from mcp_learning.cli.generate_data import generate_data as run

    run(
        count=count,
        task_types=task_types,
        seed=seed,
        embed=embed,
        data_dir=data_dir,
        as_json=json,
    )


@app.command()
def benchmark(
    generated: Annotated[
        int | None,
        typer.Option(
            min=1, help="Measure so many generated executions instead", show_default=False
        ),
    ] = None,
    presets: Annotated[
        str, typer.Option(help="HNSW indexes to build, separated by commas", metavar="A,B")
    ] = "fast,balanced,high_recall",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare exact search with the HNSW index on a copy of your database: is the index worth it?

    Your database and its index are left as they are, and agents may go on using them.
    """
    from mcp_learning.cli.benchmark import benchmark as run

    run(generated=generated, presets=presets, data_dir=data_dir, as_json=json)


@app.command()
def evaluate(
    by: Annotated[
        str, typer.Option(help="approach, model_tier, pool_type or swarm_topology")
    ] = "approach",
    predict: Annotated[
        int, typer.Option(min=1, max=20_000, help="Latest executions to predict")
    ] = 2_000,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the calibration in this file (.svg, .png)", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Replay your executions, each outcome predicted from earlier ones, and score it."""
    from mcp_learning.bench import evaluating
    from mcp_learning.cli.session import load_settings, request, run
    from mcp_learning.models.requests import RecommendApproach

    settings = load_settings(data_dir)
    dimension = request(RecommendApproach, task_description="any", by=by).by

    async def work() -> None:
        await evaluating.own_history(
            settings, by=dimension, predict=predict, plot=plot, as_json=json
        )

    run(work)
