"""`mcp-learning upgrade`: brings an older database up to date."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import index_line, print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import load_settings, run
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.maintenance import UpgradeReport


def upgrade(
    file: Annotated[
        Path | None,
        path_argument(
            "A database from elsewhere, which is copied to the data directory first", "FILE"
        ),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Bring the database up to date: back up, migrate, embed, index, verify."""
    from mcp_learning.cli.upgrade_steps import copy_into_place, embed_and_index, upgrade_file
    from mcp_learning.models.maintenance import UpgradeReport

    if file is not None and data_dir is None and file.name == "learning.duckdb":
        data_dir = file.absolute().parent  # it is in a data directory already
    settings = load_settings(data_dir, needs_database=file is None)
    started = time.monotonic()
    with reported_progress(quiet=json) as report:
        if file is not None:
            copy_into_place(settings, file.absolute())
        brought = upgrade_file(settings, report)
        health, embedded = run(lambda: embed_and_index(settings, report))
    done = UpgradeReport(
        path=str(settings.database_path),
        from_version=brought.version,
        to_version=health.schema_version,
        backup=None if brought.backup is None else str(brought.backup),
        executions=health.rows,
        skipped=dict(brought.skipped),
        dropped_indexes=brought.dropped,
        embedded=embedded,
        index=health.index.state,
        index_reason=health.index.reason,
        seconds=round(time.monotonic() - started, 1),
    )
    if json:
        print_json(done)
    else:
        _print(done, index_line(health))


def _print(done: "UpgradeReport", index: str) -> None:
    if done.from_version == done.to_version:
        typer.echo(f"{done.path} has schema version {done.to_version} already")
    else:
        was = f"version {done.from_version}" if done.from_version else "the original design"
        typer.echo(f"{done.path}: from {was} to schema version {done.to_version}")
    if done.backup:
        typer.echo(f"As it was, it is kept as {done.backup}")
    for name in done.dropped_indexes:
        typer.echo(f"The index {name} inside it is gone; indexes are files of their own now")
    for reason, rows in done.skipped.items():
        typer.echo(f"Left out: {rows} ({reason})")
    typer.echo(
        f"{counted(done.executions, 'execution')}, {done.embedded:,} embedded now "
        f"({done.seconds:.1f} s)"
    )
    typer.echo(index)
