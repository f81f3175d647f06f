"""`mcp-learning doctor`: checks every layer, and says what to do about a failure."""

import logging
import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_facts, print_json

if TYPE_CHECKING:
    from mcp_learning.cli.check_runner import CheckResult


def doctor(data_dir: DataDir = None, json: Json = False) -> None:
    """Check every layer, from Python to a round trip, and say how to fix what fails."""
    from mcp_learning.cli.check_runner import CheckContext, run_checks
    from mcp_learning.cli.checks import CHECKS

    # The results say what is wrong; the log would repeat it.
    logging.getLogger("mcp_learning").setLevel(logging.CRITICAL)
    animated = not json and console.is_terminal
    results = []
    width = max(len(check.name) for check in CHECKS)
    with console.status("examining") if animated else nullcontext():
        for result in run_checks(CHECKS, CheckContext(data_dir)):
            results.append(result)
            if not json:
                print_facts(_line(result, width))
    failed = [result.name for result in results if not result.ok]
    if json:
        shown = [asdict(result) for result in results]
        print_json([{name: one[name] for name in one if name != "skipped"} for one in shown])
    elif failed:
        console.print(Text(f"\nNot well: {', '.join(failed)}.", style="bold red"), soft_wrap=True)
    else:
        console.print(Text("\nAll is well.", style="bold green"))
    sys.exit(1 if failed else 0)


def _line(result: "CheckResult", name_width: int) -> Table:
    """A line with verdict, name and facts, and below it the fix. Texts aren't parsed as markup."""
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
    for width in (6, name_width):
        line.add_column(width=width)
    line.add_column(overflow="fold")
    line.add_row(verdict, Text(result.name), facts)
    return line
