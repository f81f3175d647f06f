"""The commands. Options are declared here; the work is in a module per command."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mcp_learning import __version__
from mcp_learning.cli import app_keeping, app_measuring
from mcp_learning.cli.options import DataDir, Json

app = typer.Typer(
    name="mcp-learning",
    help="A learning database for AI agents. Without a command it serves MCP over stdio.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


@app.command()
def install(
    client: Annotated[
        str,
        typer.Argument(help="claude-code, claude-desktop, cursor, vscode, codex or gemini"),
    ],
    scope: Annotated[
        str, typer.Option(help="user: everywhere; project: in the current directory")
    ] = "user",
    hooks: Annotated[
        bool, typer.Option("--hooks", help="Claude Code: recall at each prompt, record at its end")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add this server to an agent client's configuration; `uninstall` takes it back."""
    from mcp_learning.cli.install import install as run

    run(client, scope=scope, hooks=hooks, dry_run=dry_run, data_dir=data_dir, as_json=json)


@app.command()
def uninstall(
    client: Annotated[
        str,
        typer.Argument(help="claude-code, claude-desktop, cursor, vscode, codex or gemini"),
    ],
    scope: Annotated[
        str, typer.Option(help="user: everywhere; project: in the current directory")
    ] = "user",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Take back what `install` wrote into a client's configuration; no execution is touched."""
    from mcp_learning.cli.install import uninstall as run

    run(client, scope=scope, dry_run=dry_run, data_dir=data_dir, as_json=json)


@app.command()
def hook(
    client: Annotated[str, typer.Argument(help="claude-code")],
    patience: Annotated[
        float, typer.Option(min=0.01, help="Seconds to wait for the server that runs")
    ] = 0.25,
    record: Annotated[
        bool, typer.Option("--record", help="Record the session's latest task, and wait for it")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Answer a hook of an agent client, whose JSON is on stdin; `install --hooks` sets it up."""
    from mcp_learning.cli.hook import run
    from mcp_learning.cli.session import fail

    if client != "claude-code":
        fail(f"client: {client!r} has no hooks here; claude-code has", status=2)
    given = None if data_dir is None else str(data_dir)
    run(data_dir=given, patience=patience, record=record)


app.add_typer(app_keeping.app)
app.add_typer(app_measuring.app)
