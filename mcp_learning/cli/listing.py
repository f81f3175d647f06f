"""`mcp-learning list`: what was recorded, the latest first."""

from typing import Annotated

import typer

from mcp_learning.cli.options import Approach, DataDir, Json, Outcome, Repo, Since, TaskType
from mcp_learning.cli.output import console, echo, executions_table, print_json
from mcp_learning.cli.running import call, load_settings, request
from mcp_learning.models.wording import counted

_NOTHING = "Nothing was recorded yet; `mcp-learning import git` learns from a repository's history."


def list_(
    repo: Repo = "",
    task_type: TaskType = "",
    approach: Approach = "",
    outcome: Outcome = "any",
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most executions to list")] = 20,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List what was recorded, the latest first."""
    from mcp_learning.models.dashboard import ListExecutions

    wanted = request(
        ListExecutions,
        repo=repo,
        task_type=task_type,
        approach=approach,
        outcome=outcome,
        since=since,
        limit=limit,
    )
    settings = load_settings(data_dir, needs_database=True)

    result = call(settings, lambda learning: learning.listing(wanted), "reading")
    if json:
        print_json(result)
        return
    if not result.total:
        is_filtered = any((repo, task_type, approach, since)) or outcome != "any"
        echo("Nothing that passes these filters was recorded." if is_filtered else _NOTHING)
        return
    console.print(executions_table(result.executions, "task, approach, error"))
    echo(f"{len(result.executions):,} of {counted(result.total, 'execution')}.")
