"""`mcp-learning delete`: forgets single executions for good."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, DryRun, Json, Yes
from mcp_learning.cli.output import echo, fields_table, print_facts, print_json
from mcp_learning.cli.running import call, confirm, load_settings, resolve
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.quoting import shorten
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.results import Execution
    from mcp_learning.service.protocol import Learning


def delete(
    task_ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids of executions; their beginnings are enough"),
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Forget executions for good, with their feedback; asks before it does."""
    from mcp_learning.models.requests import ForgetExecutions, GetExecution

    settings = load_settings(data_dir, needs_database=True)

    async def find(learning: "Learning") -> "list[Execution]":
        chosen = dict.fromkeys([await resolve(learning, text) for text in task_ids])
        found = [await learning.inspect(GetExecution(task_id=one)) for one in chosen]
        return [one.execution for one in found]

    found = call(settings, find, "reading")
    if not json:
        lines = {
            short_id(one.task_id): f"{one.recorded_at:%Y-%m-%d} {one.outcome} "
            f"{shorten(one.task_description, 120)}"
            for one in found
        }
        print_facts(fields_table(lines))
    if not dry_run:
        confirm(f"Forget {counted(len(found), 'execution')} for good?", yes=yes)

    order = ForgetExecutions(task_ids=[one.task_id for one in found], dry_run=dry_run)
    done = call(settings, lambda learning: learning.forget(order), "deleting")
    if json:
        print_json(done)
    else:
        echo(f"{counted(done.executions, 'execution')} {'would be ' if dry_run else ''}deleted.")
