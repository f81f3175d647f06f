"""`mcp-learning backup`: a copy of the database."""

from pathlib import Path
from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import print_json
from mcp_learning.cli.running import call, fail, load_settings
from mcp_learning.models.wording import counted


def backup(
    file: Annotated[
        Path | None,
        path_argument("The new file; default: one in DATA_DIR/backups", "FILE"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Copy the database, also while agents use it, and read the copy back."""
    from mcp_learning.models.identifiers import file_timestamp
    from mcp_learning.models.maintenance import Backup

    settings = load_settings(data_dir, needs_database=True)
    name = f"learning-{file_timestamp()}.duckdb"
    target = settings.backup_dir / name if file is None else file.absolute()
    if target.is_dir():
        target /= name
    if target.exists() and not force:
        fail(f"{target} exists; choose another name, or replace it with --force")

    report = call(settings, lambda learning: learning.backup(Backup(path=str(target))), "copying")
    if json:
        print_json(report)
        return
    rows = report.rows
    held = counted(rows.get("executions", 0), "execution")
    typer.echo(
        f"{report.path}: {report.bytes / 2**20:.1f} MB, {held} with "
        f"{counted(rows.get('embeddings', 0), 'vector')}, {rows.get('feedback', 0)} feedback; read "
        "back"
    )
