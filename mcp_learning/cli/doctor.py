"""`mcp-learning doctor`: is every layer well, and if not, what mends it."""

import json
import logging
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.checks import LAYERS
from mcp_learning.cli.examination import CheckContext, Result, examine

console = Console()


def doctor(*, data_dir: Path | None, as_json: bool) -> None:
    """Checks every layer and prints each result as it comes; exits 1 if any failed.

    Args:
        data_dir: As for every command; None: as configured.
        as_json: Print one list of objects at the end instead.
    """
    # What goes wrong is told below; the log would tell it a second time.
    logging.getLogger("mcp_learning").setLevel(logging.CRITICAL)
    show_work = not as_json and console.is_terminal
    results = []
    with console.status("examining") if show_work else nullcontext():
        for result in examine(LAYERS, CheckContext(data_dir)):
            results.append(result)
            if not as_json:
                console.print(_line(result))
    failed = [result.name for result in results if not result.ok]
    if as_json:
        typer.echo(json.dumps([_as_json(result) for result in results], indent=2))
    elif failed:
        console.print(Text(f"\nNot well: {', '.join(failed)}.", style="bold red"))
    else:
        console.print(Text("\nAll is well.", style="bold green"))
    sys.exit(1 if failed else 0)


def _line(result: Result) -> Table:
    """Verdict, name, facts; and below the facts what to do. Never read as markup."""
    verdict = Text("OK", style="green")
    if result.skipped:
        verdict = Text("-", style="dim")
    elif not result.ok:
        verdict = Text("FAILED", style="bold red")
    elif result.fix:
        verdict = Text("WARN", style="yellow")
    facts = Text(result.detail)
    if result.milliseconds >= 1:
        facts.append(f"  {result.milliseconds:.0f} ms", style="dim")
    if result.fix:
        facts.append("\n-> ", style="yellow").append(result.fix, style="bold")
    line = Table.grid(padding=(0, 1))
    for width in (6, max(len(layer.name) for layer in LAYERS)):
        line.add_column(width=width)
    line.add_column(overflow="fold")
    line.add_row(verdict, Text(result.name), facts)
    return line


def _as_json(result: Result) -> dict[str, object]:
    return {name: value for name, value in asdict(result).items() if name != "skipped"}
