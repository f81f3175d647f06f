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
    from mcp_learning.bench import commands
    from mcp_learning.cli.session import load_settings, run

    settings = load_settings(data_dir)

    async def work() -> None:
        await commands.generate_data(
            settings, count=count, task_types=task_types, seed=seed, embed=embed, as_json=json
        )

    run(work)


@app.command()
def benchmark(
    rows: Annotated[
        int, typer.Option(min=1, help="Executions in the database, for the promises at one size")
    ] = 10_000,
    sizes: Annotated[
        str,
        typer.Option(help="Measure these sizes instead, e.g. 1000,10000,100000,1000000"),
    ] = "",
    presets: Annotated[
        str,
        typer.Option(help="With --sizes: HNSW indexes to build, of fast,balanced,high_recall"),
    ] = "balanced",
    peers: Annotated[
        str,
        typer.Option(help="With --sizes: other indexes to measure, by name, or all", metavar="A,B"),
    ] = "",
    results: Annotated[
        Path | None,
        typer.Option(
            help="Add each of --sizes to this JSON file; without --sizes: show what is in it",
            show_default=False,
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(help="Draw the sizes as SVG in this directory", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option(help="Fewer repetitions")] = False,
    check: Annotated[bool, typer.Option(help="Exit 1 when a bar is missed")] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Also write a page to this file", show_default=False)
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Make the databases here, to measure this disk; those of --sizes are kept and "
            "used again, with their indexes",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Measure the promises at one size, or recall and latency over sizes, beside other indexes."""
    from mcp_learning.bench import commands
    from mcp_learning.cli.session import fail
    from mcp_learning.errors import LearningError

    try:
        if sizes or results or plots:
            passed = commands.scale(
                sizes=sizes,
                presets=presets,
                others=peers,
                kept=results,
                drawn=plots,
                to=markdown,
                data_dir=data_dir,
                quick=quick,
                as_json=json,
            )
        else:
            passed = commands.benchmark(
                rows=rows, quick=quick, to=markdown, data_dir=data_dir, as_json=json
            )
    except LearningError as error:
        fail(str(error))
    if check and not passed:
        fail("a bar was missed")


@app.command()
def calibrate(
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines with questions and the records that answer them (docs/tuning.md); "
            "default: packaged paraphrases",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also compare ways to fuse words with meaning")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Where a downloaded model is looked for; the database there isn't touched",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Measure which floor of similarity fits the embedding model. Your database isn't touched."""
    from mcp_learning.bench import commands
    from mcp_learning.cli.session import fail, load_settings
    from mcp_learning.errors import LearningError

    try:
        commands.calibrate(load_settings(data_dir), given=pairs, compare=compare, as_json=json)
    except LearningError as error:
        fail(str(error))


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
    worlds: Annotated[
        bool, typer.Option("--worlds", help="Use generated worlds with known truth instead")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="With --worlds: of each kind")] = 10,
    first_seed: Annotated[
        int, typer.Option(min=0, help="With --worlds: other seeds, other worlds")
    ] = 0,
    check: Annotated[bool, typer.Option(help="With --worlds: exit 1 when a bar is missed")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Replay your executions, each outcome predicted from earlier ones, and score it."""
    from mcp_learning.bench import evaluating
    from mcp_learning.cli.session import fail, load_settings, request, run
    from mcp_learning.errors import LearningError
    from mcp_learning.models.requests import RecommendApproach

    settings = load_settings(data_dir)
    if worlds:
        try:
            used = range(first_seed, first_seed + seeds)
            passed = evaluating.in_worlds(settings, seeds=used, plot=plot, as_json=json)
        except LearningError as error:
            fail(str(error))
        if check and not passed:
            fail("a bar was missed")
        return
    dimension = request(RecommendApproach, task_description="any", by=by).by

    async def work() -> None:
        await evaluating.own_history(
            settings, by=dimension, predict=predict, plot=plot, as_json=json
        )

    run(work)
