"""`mcp-learning stats`: success rates, durations and costs, and the state of the database."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json, Repo, TaskType
from mcp_learning.cli.output import console, echo, index_line, print_json, search_gaps
from mcp_learning.cli.running import call, load_settings, request
from mcp_learning.models.quoting import shorten
from mcp_learning.models.wording import counted, last_days

if TYPE_CHECKING:
    from mcp_learning.models.dashboard import Listing
    from mcp_learning.models.results import Change, Stats, Totals
    from mcp_learning.service.protocol import Learning

_WIDE = 100  # least columns of a terminal for the accuracy of cost estimates


def stats(
    days: Annotated[int, typer.Option(min=1, help="Period, in days up to now")] = 30,
    group_by: Annotated[
        str,
        typer.Option(
            "--by", help="task_type, repo, approach, model_tier, pool_type, error_type or day"
        ),
    ] = "task_type",
    repo: Repo = "",
    task_type: TaskType = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Success rates, durations and costs, and the state of the database."""
    from mcp_learning.models.dashboard import ListExecutions
    from mcp_learning.models.requests import LearningStats

    query = request(LearningStats, days=days, group_by=group_by, repo=repo, task_type=task_type)
    settings = load_settings(data_dir, needs_database=True)

    async def work(learning: "Learning") -> "tuple[Stats, Listing | None]":
        found = await learning.stats(query)
        if found.totals.executions or not found.health.rows:
            return found, None
        same = ListExecutions(repo=query.repo, task_type=query.task_type, limit=1)
        return found, await learning.listing(same)

    result, before = call(settings, work, "counting")
    if json:
        print_json(result)
        return
    if result.totals.executions:
        _print_figures(result)
    else:
        chosen = " and ".join(one for one in (query.repo, query.task_type) if one)
        echo(_nothing(result, before, f" of {chosen}" if chosen else ""))
    health = result.health
    echo(
        f"{health.embedded:,} of {counted(health.rows, 'execution')} embedded, "
        f"{health.database_bytes / 2**20:.1f} MB, search {health.search_mode}."
    )
    for line in (index_line(health), *search_gaps(health)):
        echo(line)


def _nothing(result: "Stats", before: "Listing | None", chosen: str) -> str:
    """A sentence that says that a period is empty, and how much was recorded before it."""
    period = f"Nothing{chosen} was recorded in {last_days(result.days)}"
    if before is None or not before.total:
        return f"{period}, and nothing before."
    latest = before.executions[0].recorded_at
    days = (datetime.now(UTC) - latest).days + 1
    verb = "lies" if before.total == 1 else "lie"
    return (
        f"{period}; {counted(before.total, 'execution')} {verb} before, the latest of "
        f"{latest:%Y-%m-%d}: `mcp-learning stats --days {max(days, result.days + 1)}` reaches it."
    )


def _print_figures(result: "Stats") -> None:
    from mcp_learning.server import statistics

    wide = console.width >= _WIDE
    by = result.group_by.replace("_", " ")
    title = f"{last_days(result.days).removeprefix('the ').capitalize()} by {by}"
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(by, overflow="fold", min_width=10)
    last = ["cost USD", "estimates off", "change, points"] if wide else ["USD", "change"]
    for heading in ("runs", "success (90 %)", "median", "p95", *last):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in result.groups:
        figures = _totals(group, wide=wide)
        table.add_row(Text(shorten(group.key, 60)), *figures, _trend(group.trend))
    table.add_section()
    table.add_row("all", *_totals(result.totals, wide=wide), "")
    console.print(table)
    more = result.groups_omitted
    for line in (
        *([f"{counted(more, 'more value')} left out."] if more else []),
        *statistics.spent(result.totals),
        f"Against the {counted(result.days, 'day')} before: {statistics.trend(result.trend)}.",
        *statistics.changed(result),
        *statistics.failing(result),
        *statistics.taught(result),
    ):
        echo(line)


def _totals(totals: "Totals", *, wide: bool) -> list[str]:
    from mcp_learning.server.answers import span

    rate, low, high = totals.success_rate, totals.interval_low, totals.interval_high
    p50, p95 = totals.duration_p50, totals.duration_p95
    estimates = "" if totals.cost_error is None else f"±{100 * totals.cost_error:.0f} %"
    return [
        f"{totals.executions:,}",
        "" if rate is None else f"{rate:.0%} ({100 * (low or 0):.0f}-{100 * (high or 0):.0f})",
        "" if p50 is None else span(p50),
        "" if p95 is None else span(p95),
        "" if totals.cost_usd is None else f"{totals.cost_usd:,.2f}",
        *([estimates] if wide else []),
    ]


def _trend(change: "Change | None") -> str:
    if change is None:
        return ""
    direction = "" if change.direction == "unclear" else f" {change.direction}"
    return f"{100 * change.change:+.0f}{direction}"
