"""`mcp-learning upgrade`: an older database brought up to date."""

import time
from typing import TYPE_CHECKING

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import fail, load_settings, run
from mcp_learning.errors import LearningError

if TYPE_CHECKING:
    from mcp_learning.models.maintenance import UpgradeReport


def upgrade(data_dir: DataDir = None, json: Json = False) -> None:
    """Bring the database up to date: back up, migrate, embed, index, verify."""
    from mcp_learning.cli.upgrade_steps import bring_file_up, complete
    from mcp_learning.models.maintenance import UpgradeReport

    settings = load_settings(data_dir, needs_database=True)
    started = time.monotonic()
    with reported_progress(quiet=json) as report:
        try:
            file = bring_file_up(settings, report)
        except LearningError as error:
            fail(str(error))
        health, embedded = run(lambda: complete(settings, report))
    done = UpgradeReport(
        path=str(settings.database_path),
        from_version=file.version,
        to_version=health.schema_version,
        backup=None if file.backup is None else str(file.backup),
        executions=health.rows,
        skipped=dict(file.skipped),
        dropped_indexes=file.dropped,
        embedded=embedded,
        index=health.index.state,
        seconds=round(time.monotonic() - started, 1),
    )
    if json:
        print_json(done)
    else:
        _print(done)


def _print(done: "UpgradeReport") -> None:
    if done.from_version == done.to_version:
        typer.echo(f"{done.path} has schema version {done.to_version} already")
    else:
        was = f"version {done.from_version}" if done.from_version else "the original design"
        typer.echo(f"{done.path}: from {was} to schema version {done.to_version}")
    if done.backup:
        typer.echo(f"As it was, it is kept as {done.backup}")
    for index in done.dropped_indexes:
        typer.echo(f"The index {index} inside it is gone; indexes are files of their own now")
    for reason, rows in done.skipped.items():
        typer.echo(f"Left out: {rows} ({reason})")
    typer.echo(
        f"{done.executions} executions, {done.embedded} embedded now, index {done.index} "
        f"({done.seconds:.1f} s)"
    )
