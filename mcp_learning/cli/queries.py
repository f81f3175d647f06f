"""`similar`, `recommend`, `stats`, `rebuild-index`: a service call each, for people or machines."""

import json
import sys
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.session import load_settings, request, run, service
from mcp_learning.models.requests import (
    FindSimilarTasks,
    LearningStats,
    RebuildIndex,
    RecommendApproach,
)
from mcp_learning.models.results import (
    RebuildReport,
    Recommendation,
    SimilarTasks,
    Stats,
    Totals,
)
from mcp_learning.server import advice, answers

console = Console()


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
    table = Table(title=f"Last {days} days by {by}")
    for heading in (by, "executions", "succeeded", "90 % interval", "p50 s", "cost USD"):
        table.add_column(heading, justify="left" if heading == by else "right")
    for group in result.groups:
        table.add_row(Text(group.key), *_totals(group))
    table.add_section()
    table.add_row("all", *_totals(result.totals))
    console.print(table)
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
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json or not sys.stderr.isatty(),
    )

    async def work() -> RebuildReport:
        task = bar.add_task("starting", total=1.0)

        async def report(share: float, message: str) -> None:
            bar.update(task, completed=share, description=message)

        async with service(settings) as opened:
            return await opened.rebuild(asked, report)

    with bar:
        result = run(work)
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
            Text(answers.shorten(match.task_description, 120)),
            Text(answers.shorten(lesson, 120)),
        )
    return table


def _totals(totals: Totals) -> tuple[str, ...]:
    rate, low, high = totals.success_rate, totals.interval_low, totals.interval_high
    return (
        str(totals.executions),
        "" if rate is None else f"{rate:.0%}",
        "" if low is None or high is None else f"{low:.0%} to {high:.0%}",
        "" if totals.duration_p50 is None else f"{totals.duration_p50:.1f}",
        "" if totals.cost_usd is None else f"{totals.cost_usd:.2f}",
    )
