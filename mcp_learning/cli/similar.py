"""`mcp-learning similar`: earlier executions like a text."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import Approach, DataDir, Json, Outcome, Repo, Since, TaskType
from mcp_learning.cli.output import (
    console,
    echo,
    echo_note,
    executions_table,
    print_json,
    search_gaps,
)
from mcp_learning.cli.running import call, load_settings, request
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.health import Health
    from mcp_learning.models.results import SimilarTasks
    from mcp_learning.service.protocol import Learning


def similar(
    task_description: Annotated[
        str, typer.Argument(metavar="TEXT", help="A task, an error message or an identifier")
    ],
    repo: Repo = "",
    task_type: TaskType = "",
    approach: Approach = "",
    outcome: Outcome = "any",
    since: Since = None,
    min_similarity: Annotated[
        float | None, typer.Option(min=0, max=1, help="Least score; default: relevance decides")
    ] = None,
    mode: Annotated[
        str, typer.Option(help="exact or hnsw; default: as configured", show_default=False)
    ] = "configured",
    limit: Annotated[int, typer.Option(min=1, max=50, help="Most matches")] = 5,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Find earlier executions like TEXT."""
    from mcp_learning.models.requests import FindSimilarTasks

    query = request(
        FindSimilarTasks,
        task_description=task_description,
        repo=repo,
        task_type=task_type,
        approach=approach,
        outcome=outcome,
        since=since,
        min_similarity=min_similarity,
        mode=mode,
        limit=limit,
    )
    settings = load_settings(data_dir, needs_database=True)

    async def work(learning: "Learning") -> "tuple[SimilarTasks, Health | None]":
        found = await learning.find(query)
        return found, await learning.health() if found.search.degraded else None

    from mcp_learning.lessons.wording import line

    result, health = call(settings, work, "searching")
    lacking = search_gaps(health) if health else []
    if json:
        print_json(result)
    else:
        for one in result.lessons:
            echo(line(one))
        console.print(matches_table(result))
        if health and not lacking:
            echo(f"Searched with less than usual: {result.search.reason}.")
    for missing in lacking:
        echo_note(missing, beside_json=json)


def matches_table(result: "SimilarTasks") -> Table | Text:
    """A table of matches, or a hint if there are none."""
    if result.matches:
        return executions_table(result.matches, "task; approach, what worked, or the error")
    if not result.search.candidates:
        return Text("Nothing was recorded yet, or nothing that passes the filters.")
    among = f"Nothing relevant among {counted(result.search.candidates, 'execution')}"
    if not result.search.below_floor:
        return Text(f"{among}: try other words, or fewer filters.")
    return Text(f"{among}; --min-similarity 0.2 shows the nearest ones.")
