"""The commands. Options are declared here; the work is in a module per command."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mcp_learning import __version__

app = typer.Typer(
    name="mcp-learning",
    help="A learning database for AI agents. Without a command it serves MCP over stdio.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Data directory [env: MCP_LEARNING_DATA_DIR]", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mcp-learning {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    data_dir: DataDir = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """A learning database for AI agents. Without a command it serves MCP over stdio."""
    if context.invoked_subcommand is None:
        serve(data_dir=data_dir)
    elif data_dir is not None:  # given before the command, it is meant for the command
        os.environ["MCP_LEARNING_DATA_DIR"] = str(data_dir)


@app.command()
def serve(
    http: Annotated[
        str,
        typer.Option(help="Serve many clients here over Streamable HTTP", metavar="HOST:PORT"),
    ] = "",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer no tool that writes")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="With --http: serve under this name, too", metavar="NAME[:PORT]"),
    ] = None,
    new_token: Annotated[
        bool, typer.Option("--new-token", help="With --http: make a new bearer token")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Serve MCP over stdin and stdout, for one agent client, or over HTTP."""
    from mcp_learning.cli.serve import serve as run

    run(data_dir, http=http, read_only=read_only, hosts=allow_host or (), new_token=new_token)


@app.command()
def demo(
    repo: Annotated[
        Path | None,
        typer.Option(
            help="Git repository to learn from; default: this one, or a sample",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Latest commits to record")] = 60,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Keep the demo's database here; default: a temporary one",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Record a repository's commits with a real server, then search among them."""
    from mcp_learning.cli.demo import demo as run

    run(repo=repo, limit=limit, data_dir=data_dir, as_json=json)


@app.command()
def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Check every layer, from Python to a round trip, and say how to mend what fails."""
    from mcp_learning.cli.doctor import doctor as run

    run(data_dir=data_dir, as_json=json)


@app.command()
def similar(
    text: Annotated[str, typer.Argument(help="A task, an error message or an identifier")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
    repo: Annotated[str, typer.Option(help="Only this repository")] = "",
    outcome: Annotated[str, typer.Option(help="any, success, failure or pending")] = "any",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Find earlier executions like TEXT."""
    from mcp_learning.cli import queries

    queries.similar(text, limit=limit, repo=repo, outcome=outcome, data_dir=data_dir, as_json=json)


@app.command()
def recommend(
    text: Annotated[str, typer.Argument(help="The task at hand")],
    by: Annotated[
        str, typer.Option(help="approach, model_tier, pool_type or swarm_topology")
    ] = "approach",
    repo: Annotated[str, typer.Option(help="What was done elsewhere counts half")] = "",
    task_type: Annotated[str, typer.Option(help="Other types count half")] = "",
    limit: Annotated[int, typer.Option(min=1, max=50)] = 4,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare how approaches ended on tasks like TEXT."""
    from mcp_learning.cli import queries

    queries.recommend(
        text,
        by=by,
        repo=repo,
        task_type=task_type,
        limit=limit,
        data_dir=data_dir,
        as_json=json,
    )


@app.command()
def stats(
    days: Annotated[int, typer.Option(min=1)] = 30,
    by: Annotated[
        str,
        typer.Option(help="task_type, repo, approach, model_tier, pool_type, error_type or day"),
    ] = "task_type",
    repo: Annotated[str, typer.Option(help="Only this repository")] = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Success rates, durations and costs, and the state of the database."""
    from mcp_learning.cli import queries

    queries.stats(days=days, by=by, repo=repo, data_dir=data_dir, as_json=json)


@app.command()
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
    """Look at what was learned: a page in the browser, on this machine alone, for reading."""
    from mcp_learning.cli.dashboard import dashboard as run

    run(port=port, browse=browse, data_dir=data_dir, as_json=json)


@app.command("rebuild-index")
def rebuild_index(
    preset: Annotated[str, typer.Option(help="fast, balanced or high_recall")] = "balanced",
    reembed: Annotated[bool, typer.Option(help="Also recompute every embedding")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Build the HNSW index anew, with progress."""
    from mcp_learning.cli import queries

    queries.rebuild_index(preset=preset, reembed=reembed, data_dir=data_dir, as_json=json)


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
            passed = evaluating.in_worlds(settings, seeds=seeds, plot=plot, as_json=json)
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
