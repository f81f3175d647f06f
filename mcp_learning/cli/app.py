"""The commands. Options are declared here; the work is in a module per command."""

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
    typer.Option("--data-dir", help="Data directory [env: MCP_LEARNING_DATA_DIR]", show_default=False),
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
        serve(data_dir)


@app.command()
def serve(data_dir: DataDir = None) -> None:
    """Serve MCP over stdin and stdout, for one agent client."""
    from mcp_learning.cli.serve import serve as run

    run(data_dir)


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
def stats(
    days: Annotated[int, typer.Option(min=1)] = 30,
    by: Annotated[str, typer.Option(help="task_type, repo, approach, model_tier, pool_type, error_type or day")] = "task_type",
    repo: Annotated[str, typer.Option(help="Only this repository")] = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Success rates, durations and costs, and the state of the database."""
    from mcp_learning.cli import queries

    queries.stats(days=days, by=by, repo=repo, data_dir=data_dir, as_json=json)


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
