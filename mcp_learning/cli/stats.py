"""`mcp-learning stats`: success rates, durations and costs, and the state of the database."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json, OnlyRepo
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.running import load_settings, request, run, service
from mcp_learning.server.quoting import shorten

if TYPE_CHECKING:
    from mcp_learning.models.results import Change, Stats, Totals

_HEADINGS = ("runs", "succeeded, 90 %", "p50, p95 s", "USD", "error", "since")


def stats(
    days: Annotated[int, typer.Option(min=1)] = 30,
    by: Annotated[
        str,
        typer.Option(help="task_type, repo, approach, model_tier, pool_type, error_type or day"),
    ] = "task_type",
    repo: OnlyRepo = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Success rates, durations and costs, and the state of the database."""
    from mcp_learning.models.requests import LearningStats

    query = request(LearningStats, days=days, group_by=by, repo=repo)
    settings = load_settings(data_dir, needs_database=True)

    async def work() -> "Stats":
        async with service(settings) as learning:
            return await learning.stats(query)

    result = run(work)
    if json:
        print_json(result)
    else:
        _print(result, days, by)


def _print(result: "Stats", days: int, by: str) -> None:
    from mcp_learning.server import answers

    table = Table(title=f"Last {days} days by {by}", box=box.SIMPLE_HEAD)
    table.add_column(by, overflow="fold")  # the only one that may be narrowed
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for group in result.groups:
        table.add_row(Text(shorten(group.key, 60)), *_totals(group), _trend(group.trend))
    table.add_section()
    table.add_row("all", *_totals(result.totals), "")
    console.print(table)
    for line in (
        *([f"{result.groups_omitted} more values are left out."] if result.groups_omitted else []),
        *answers.spent(result.totals),
        f"Against the {days} days before: {answers.trend(result.trend)}.",
        *answers.changed(result),
        *answers.failing(result),
    ):
        console.print(line, markup=False, highlight=False)
    health = result.health
    console.print(
        f"{health.embedded} of {health.rows} embedded, index {health.index.state}, search "
        f"{health.search_mode}, {health.database_bytes / 2**20:.1f} MB",
        markup=False,
    )


def _totals(totals: "Totals") -> tuple[str, ...]:
    rate, low, high = totals.success_rate, totals.interval_low, totals.interval_high
    p50, p95 = totals.duration_p50, totals.duration_p95
    return (
        str(totals.executions),
        "" if rate is None else f"{rate:.0%}, {100 * (low or 0):.0f} to {100 * (high or 0):.0f}",
        "" if p50 is None or p95 is None else f"{p50:.0f}, {p95:.0f}",
        "" if totals.cost_usd is None else f"{totals.cost_usd:,.2f}",
        "" if totals.cost_error is None else f"{1 + totals.cost_error:.2f}x",
    )


def _trend(change: "Change | None") -> str:
    if change is None:
        return ""
    direction = "" if change.direction == "unclear" else f" {change.direction}"
    return f"{100 * change.change:+.0f}{direction}"
