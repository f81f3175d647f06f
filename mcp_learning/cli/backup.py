"""`mcp-learning backup`, and `recover` for a damaged database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.running import fail, load_settings, run, service
from mcp_learning.cluster.exclusive_access import exclusive_access
from mcp_learning.errors import LearningError
from mcp_learning.models.maintenance import Backup, BackupReport, RecoveryReport
from mcp_learning.service import recovery
from mcp_learning.settings import Settings


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
    settings = load_settings(data_dir)
    if not settings.database_path.exists():
        fail(f"there is no database at {settings.database_path} yet")
    target = _target(settings, file)
    if target.exists() and not force:
        fail(f"{target} exists; choose another name, or replace it with --force")

    async def work() -> BackupReport:
        async with service(settings) as opened:
            return await opened.backup(Backup(path=str(target)))

    report = run(work)
    if json:
        print_json(report)
        return
    typer.echo(f"{report.path}: {report.bytes / 2**20:.1f} MB, {_count(report.rows)}; read back")


def recover(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what could be saved")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Save what can be read of a damaged database. No agent may be using it."""
    settings = load_settings(data_dir)
    try:
        with console.status("reading"), exclusive_access(settings):
            report = recovery.recover(settings, dry_run=dry_run)
    except LearningError as error:
        fail(str(error))
    if json:
        print_json(report)
    else:
        _tell(report, dry_run=dry_run)


def _tell(report: RecoveryReport, *, dry_run: bool) -> None:
    if not report.damaged:
        typer.echo(f"All of {report.path} can be read; nothing to recover")
        return
    for line in report.mended:
        typer.echo(f"In a copy, {line}.")
    for name, table in report.tables.items():
        typer.echo(f"{name}: {table.saved} of {table.expected} rows")
        for column, rows in table.incomplete.items():
            typer.echo(f"  {column}: lost or replaced in {rows} rows")
    if report.changed:
        shown = ", ".join(report.changed[:20])
        more = f" and {len(report.changed) - 20} more" if len(report.changed) > 20 else ""
        typer.echo(f"The description is not as it was recorded in: {shown}{more}")
    if dry_run:
        typer.echo(f"{report.path} was left as it is")
    else:
        typer.echo(f"{report.path} holds what was saved; the damaged one is {report.kept}")


def _target(settings: Settings, file: Path | None) -> Path:
    name = f"learning-{recovery.stamp()}.duckdb"
    if file is None:
        return settings.backup_dir / name
    target = file.expanduser().absolute()
    return target / name if target.is_dir() else target


def _count(rows: Mapping[str, int]) -> str:
    return f"{rows.get('executions', 0)} executions, {rows.get('feedback', 0)} feedback"
