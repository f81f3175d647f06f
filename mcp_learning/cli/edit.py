"""`mcp-learning edit`: corrects what was recorded of an execution."""

from typing import TYPE_CHECKING, Annotated, get_args
from uuid import UUID

import typer

from mcp_learning.cli.options import DataDir, Id, Json
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import (
    call,
    fail,
    load_settings,
    option,
    request,
    resolve,
)
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.corrections import Revised
    from mcp_learning.service.protocol import Learning


def edit(
    task_id: Id,
    outcome: Annotated[str | None, typer.Option(help="success, failure or pending")] = None,
    task_type: Annotated[str | None, typer.Option("--type", help="Task type")] = None,
    repo: Annotated[str | None, typer.Option(help="owner/name or a path")] = None,
    approach: Annotated[str | None, typer.Option(help="Short label of what was tried")] = None,
    model_tier: Annotated[str | None, typer.Option(help="Model tier")] = None,
    task_description: Annotated[
        str | None, typer.Option("--description", help="What was asked")
    ] = None,
    solution_summary: Annotated[str | None, typer.Option("--solution", help="What worked")] = None,
    error_type: Annotated[str | None, typer.Option(help="Kind of failure")] = None,
    error_message: Annotated[str | None, typer.Option("--error", help="Error message")] = None,
    duration_seconds: Annotated[str | None, typer.Option(help="How long it took")] = None,
    cost_usd: Annotated[str | None, typer.Option(help="What it cost")] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Correct the values of an execution; an empty value removes one."""
    from mcp_learning.models.corrections import Clearable, ReviseExecution

    given = {
        "outcome": outcome,
        "task_type": task_type,
        "repo": repo,
        "approach": approach,
        "model_tier": model_tier,
        "task_description": task_description,
        "solution_summary": solution_summary,
        "error_type": error_type,
        "error_message": error_message,
        "duration_seconds": duration_seconds,
        "cost_usd": cost_usd,
    }
    given = {name: value.strip() for name, value in given.items() if value is not None}
    emptied = [name for name, value in given.items() if not value]
    names = {"task_description": "--description"}
    for name in emptied:
        if name not in get_args(Clearable):
            fail(f"{names.get(name) or option(name)}: every execution has one; name another", 2)
    order = request(
        ReviseExecution,
        names,
        task_id=UUID(int=0),
        clear=emptied,
        **{name: value for name, value in given.items() if value},
    )
    settings = load_settings(data_dir, needs_database=True)

    async def work(learning: "Learning") -> "Revised":
        chosen = await resolve(learning, task_id)
        return await learning.revise(order.model_copy(update={"task_id": chosen}))

    done = call(settings, work, "writing")
    if json:
        print_json(done)
        return
    changed = ", ".join(name.replace("_", " ") for name in done.changed)
    echo(f"{short_id(done.task_id)}: {f'changed {changed}' if changed else 'nothing to change'}.")
    if done.redactions:
        echo(f"{counted(done.redactions, 'secret')} removed.")
