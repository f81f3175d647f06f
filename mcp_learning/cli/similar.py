"""`mcp-learning similar`: earlier executions like a text."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import DataDir, Json, OnlyRepo
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.running import load_settings, request, run, service
from mcp_learning.server.quoting import shorten

if TYPE_CHECKING:
    from mcp_learning.models.results import SimilarTasks


def similar(
    text: Annotated[str, typer.Argument(help="A task, an error message or an identifier")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
    repo: OnlyRepo = "",
    outcome: Annotated[str, typer.Option(help="any, success, failure or pending")] = "any",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Find earlier executions like TEXT."""
    from mcp_learning.models.requests import FindSimilarTasks

    query = request(
        FindSimilarTasks, task_description=text, limit=limit, repo=repo, outcome=outcome
    )
    settings = load_settings(data_dir, needs_database=True)

    async def work() -> "SimilarTasks":
        async with service(settings) as learning:
            return await learning.find(query)

    result = run(work)
    if json:
        print_json(result)
        return
    console.print(matches_table(result))
    if result.search.degraded:
        console.print(f"Searched with less than usual: {result.search.reason}.", markup=False)


def matches_table(result: "SimilarTasks") -> Table | Text:
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
