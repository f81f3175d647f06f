"""The commands that bring executions in and out, and keep the database."""

from pathlib import Path
from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir, Json

app = typer.Typer()


@app.command()
def upgrade(data_dir: DataDir = None, json: Json = False) -> None:
    """Bring the database up to date: back up, migrate, embed, index, verify."""
    from mcp_learning.cli import upgrade as command

    command.upgrade(data_dir=data_dir, as_json=json)


@app.command("generate-embeddings")
def generate_embeddings(
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many; default: all that are missing")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make the vectors that executions lack, with progress."""
    from mcp_learning.cli import upgrade as command

    command.generate_embeddings(limit=limit, data_dir=data_dir, as_json=json)


@app.command()
def backup(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to; default: a new file in DATA_DIR/backups"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Copy the database, also while agents use it, and read the copy back."""
    from mcp_learning.cli import backup as command

    command.backup(file, force=force, data_dir=data_dir, as_json=json)


@app.command()
def restore(
    file: Annotated[
        Path, typer.Argument(help="A backup; or an archive of prune, or a directory of them")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that holds executions; it is kept")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Put a backup in the place of the database; or bring back what was archived.

    While a backup is restored, no agent may use the database.
    """
    from mcp_learning.cli import backup as command
    from mcp_learning.cli import retention

    if retention.is_archive(file):
        retention.unarchive(file.expanduser().absolute(), data_dir=data_dir, as_json=json)
    else:
        command.restore(file, force=force, data_dir=data_dir, as_json=json)


@app.command()
def prune(
    older_than_days: Annotated[
        int | None,
        typer.Option(help="Forget what is older, 7..3650; default: as configured"),
    ] = None,
    max_mb: Annotated[
        int | None,
        typer.Option(help="Forget the oldest until the rest fits; default: as configured"),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(help="Where archives go; default: DATA_DIR/archive", show_default=False),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive/--no-archive", help="Archive what is forgotten")
    ] = True,
    reclaim: Annotated[
        bool, typer.Option("--reclaim", help="Rewrite the file without what is forgotten")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Archive and forget what is too old or too much, and reclaim the space."""
    from mcp_learning.cli import retention

    retention.prune(
        older_than_days=older_than_days,
        max_mb=max_mb,
        archive=archive,
        keep_archive=keep_archive,
        reclaim=reclaim,
        dry_run=dry_run,
        data_dir=data_dir,
        as_json=json,
    )


@app.command()
def recover(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what could be saved")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Save what can be read of a damaged database. No agent may be using it."""
    from mcp_learning.cli import backup as command

    command.recover(dry_run=dry_run, data_dir=data_dir, as_json=json)


@app.command("import")
def import_(
    source: Annotated[
        str, typer.Argument(help="claude-code, codex, git, jsonl, csv, parquet or duckdb")
    ],
    path: Annotated[
        Path | None,
        typer.Argument(
            help="File or directory; by default the client's own, or this repository",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; show counts and a sample")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="With git: latest commits to read")
    ] = 10_000,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Import executions from sessions of agents, from git, or from a table (docs/import.md)."""
    from mcp_learning.cli.importing import import_ as run

    run(source, path, limit=limit, dry_run=dry_run, data_dir=data_dir, as_json=json)


@app.command()
def export(
    path: Annotated[
        Path, typer.Argument(help="Ends with .jsonl or .parquet; - writes JSON lines to stdout")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write all executions, with feedback and uses, to a file that `import` takes back."""
    from mcp_learning.cli.exporting import export as run

    run(path, force=force, data_dir=data_dir, as_json=json)
