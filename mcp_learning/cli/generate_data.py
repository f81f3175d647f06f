"""`mcp-learning generate-data`: fills a database with synthetic executions."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, Yes
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.progress import logged_progress
from mcp_learning.cli.running import call, confirm, load_settings, run, service
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.service.protocol import Learning
    from mcp_learning.synthetic.loading import Filled


def generate_data(
    count: Annotated[int, typer.Option(min=1, help="Executions to add")],
    task_types: Annotated[
        str, typer.Option(metavar="A,B", help="Task types; default: ten common ones")
    ] = "",
    repos: Annotated[
        str, typer.Option(metavar="A/B,C/D", help="Repositories; default: invented ones")
    ] = "",
    seed: Annotated[int, typer.Option(help="Executions of the same seed are added once")] = 1,
    embed: Annotated[
        bool, typer.Option("--embed/--no-embed", help="Compute vectors now, or let a server do it")
    ] = True,
    yes: Yes = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add generated, realistic executions to the database, for trying things out at scale."""
    from mcp_learning.errors import StoreLocked
    from mcp_learning.synthetic import loading

    settings = load_settings(data_dir)
    plan = loading.Plan(count, seed, _names(task_types), _names(repos))
    if settings.database_path.exists() and not yes:
        others = call(settings, _recorded, "counting")
        if others:
            confirm(
                f"{settings.data_dir} has {counted(others, 'execution')} that agents recorded or "
                f"that were imported. Add {count:,} generated ones? (`mcp-learning prune "
                "--generated` takes them out again.)",
                yes=yes,
            )

    async def work() -> "Filled":
        with logged_progress(quiet=json) as progress:
            try:
                return await loading.generate(settings, plan, embed=embed, progress=progress)
            except StoreLocked:  # by a running server, through which they are added
                async with service(settings) as learning:
                    return await loading.send(learning, plan, embed=embed, progress=progress)

    filled = run(work)
    if json:
        print_json(_values(filled))
    else:
        _print(filled, embed=embed)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


async def _recorded(learning: "Learning") -> int:
    """Number of executions in the database that were not generated."""
    from mcp_learning.models.maintenance import Prune
    from mcp_learning.service.protocol import ignore_progress

    return (await learning.prune(Prune(generated=True, dry_run=True), ignore_progress)).kept


def _values(filled: "Filled") -> dict[str, float]:
    return {
        "rows": filled.rows,
        "present": filled.present,
        "tasks": filled.tasks,
        "embed_seconds": round(filled.embed_seconds, 3),
        "insert_seconds": round(filled.insert_seconds, 3),
        "rows_per_second": round(filled.rows_per_second),
    }


def _print(filled: "Filled", *, embed: bool) -> None:
    if filled.present:
        echo(f"{counted(filled.present, 'execution')} of this seed were there already.")
    if not filled.rows:
        return
    vectors = f"; {counted(filled.tasks, 'task')} embedded in {filled.embed_seconds:.1f} s"
    echo(
        f"{counted(filled.rows, 'execution')} inserted in {filled.insert_seconds:.2f} s"
        f"{vectors if embed else ''}. `mcp-learning prune --generated` takes them out again."
    )
