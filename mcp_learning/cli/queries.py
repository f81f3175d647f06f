"""`similar`, `recommend`, `stats`, `rebuild-index`: a service call each, for people or machines."""

import json
from functools import partial
from pathlib import Path

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.session import load_settings, request, run, service
from mcp_learning.models.requests import (
    FindSimilarTasks,
    LearningStats,
    RebuildIndex,
    RecommendApproach,
)
from mcp_learning.models.results import (
    Change,
    RebuildReport,
    Recommendation,
    SimilarTasks,
    Stats,
    Totals,
)
from mcp_learning.server import advice, answers
from mcp_learning.server.quoting import shorten
from mcp_learning.service.protocol import Progress

console = Console()
_HEADINGS = ("runs", "succeeded, 90 %", "p50, p95 s", "USD", "error", "since")


def similar(
    text: str, *, limit: int, repo: str, outcome: str, data_dir: Path | None, as_json: bool
) -> None:
    """Prints earlier executions like `text`."""
    asked = request(
        FindSimilarTasks, task_description=text, limit=limit, repo=repo, outcome=outcome
    )
    settings = load_settings(data_dir)

    async def work() -> SimilarTasks:
        async with service(settings) as opened:
            return await opened.find(asked)

    result = run(work)
    if as_json:
        print_json(result)
    else:
        console.print(matches_table(result))
        if result.search.degraded:
            console.print(f"Searched with less than usual: {result.search.reason}.", markup=False)


def recommend(
    text: str,
    *,
    by: str,
    repo: str,
    task_type: str,
    limit: int,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Prints what to try on `text`, and what failed before."""
    asked = request(
        RecommendApproach,
        task_description=text,
        by=by,
        repo=repo,
        task_type=task_type,
        limit=limit,
        max_tokens=50_000,
    )
    settings = load_settings(data_dir)

    async def work() -> Recommendation:
        async with service(settings) as opened:
            return await opened.recommend(asked)

    result, words = advice.recommendation(run(work), asked)
    if as_json:
        print_json(result)
    else:
        console.print(words, markup=False, highlight=False, soft_wrap=True)


def stats(*, days: int, by: str, repo: str, data_dir: Path | None, as_json: bool) -> None:
    """Prints success rates and the state of the database."""
    asked = request(LearningStats, days=days, group_by=by, repo=repo)
    settings = load_settings(data_dir)

    async def work() -> Stats:
        async with service(settings) as opened:
            return await opened.stats(asked)

    result = run(work)
    if as_json:
        print_json(result)
        return
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


def rebuild_index(*, preset: str, reembed: bool, data_dir: Path | None, as_json: bool) -> None:
    """Builds the HNSW index with a progress bar on stderr."""
    asked = request(RebuildIndex, preset=preset, reembed=reembed)
    settings = load_settings(data_dir)

    async def work(report: Progress) -> RebuildReport:
        async with service(settings) as opened:
            return await opened.rebuild(asked, report)

    with reported_progress(quiet=as_json) as report:
        result = run(partial(work, report))
    if as_json:
        print_json(result)
    else:
        console.print(answers.rebuilt(result), markup=False)


def print_json(result: BaseModel) -> None:
    """One JSON object on stdout."""
    console.file.write(json.dumps(answers.structured(result), indent=2) + "\n")


def matches_table(result: SimilarTasks) -> Table | Text:
    """Matches as a table; stored text is never read as markup."""
    if not result.matches:
        return Text(f"Nothing relevant among {result.search.candidates} executions.")
    table = Table(show_lines=False)
    for heading in ("score", "outcome", "task", "what worked, or the error"):
        table.add_column(heading, overflow="fold")
    for match in result.matches:
        lesson = match.solution_summary or match.error_message or match.error_type or ""
        table.add_row(
            f"{match.similarity:.2f}",
            match.outcome,
            Text(shorten(match.task_description, 120)),
            Text(shorten(lesson, 120)),
        )
    return table


def _totals(totals: Totals) -> tuple[str, ...]:
    rate, low, high = totals.success_rate, totals.interval_low, totals.interval_high
    half, most = totals.duration_p50, totals.duration_p95
    return (
        str(totals.executions),
        "" if rate is None else f"{rate:.0%}, {100 * (low or 0):.0f} to {100 * (high or 0):.0f}",
        "" if half is None or most is None else f"{half:.0f}, {most:.0f}",
        "" if totals.cost_usd is None else f"{totals.cost_usd:,.2f}",
        "" if totals.cost_error is None else f"{1 + totals.cost_error:.2f}x",
    )


def _trend(change: Change | None) -> str:
    if change is None:
        return ""
    sure = "" if change.direction == "unclear" else f" {change.direction}"
    return f"{100 * change.change:+.0f}{sure}"
