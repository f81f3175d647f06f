"""`mcp-learning recover`: saves the readable rows of a damaged database into a new one."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.running import load_settings
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.maintenance import RecoveryReport


def recover(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what could be saved")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Save what can be read of a damaged database, which no agent may be using."""
    from mcp_learning.cluster.exclusive_access import exclusive_access
    from mcp_learning.service import recovery

    settings = load_settings(data_dir, needs_database=True)
    with console.status("reading"), exclusive_access(settings):
        report = recovery.recover(settings, dry_run=dry_run)
    if json:
        print_json(report)
    else:
        _print(report, dry_run=dry_run)


def _print(report: "RecoveryReport", *, dry_run: bool) -> None:
    if not report.damaged:
        typer.echo(f"All of {report.path} can be read; nothing to recover")
        return
    for line in report.mended:
        typer.echo(f"In a copy, {line}.")
    for name, table in report.tables.items():
        typer.echo(f"{name}: {table.saved:,} of {counted(table.expected, 'row')}")
        for column, rows in table.incomplete.items():
            typer.echo(f"  {column}: lost or replaced in {counted(rows, 'row')}")
    if report.changed:
        shown = ", ".join(report.changed[:20])
        more = f" and {len(report.changed) - 20} more" if len(report.changed) > 20 else ""
        typer.echo(f"The description was changed by the damage in: {shown}{more}")
    if dry_run:
        typer.echo(f"{report.path} was left unchanged")
    else:
        typer.echo(f"{report.path} holds what was saved; the damaged one is {report.kept}")
