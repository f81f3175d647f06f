"""`mcp-learning generate-data`: fills a database with synthetic executions."""

from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.progress import logged_progress
from mcp_learning.cli.running import load_settings, run

if TYPE_CHECKING:
    from mcp_learning.synthetic.loading import Filled


def generate_data(
    count: Annotated[int, typer.Option(min=1, help="Executions to add")],
    task_types: Annotated[str, typer.Option(help="Comma-separated; default: all")] = "",
    seed: Annotated[int, typer.Option(help="The same seed makes the same tasks")] = 1,
    embed: Annotated[
        bool, typer.Option("--embed/--no-embed", help="Without, vectors are left to the server")
    ] = True,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Add generated, realistic executions to the database, for trying things out at scale."""
    from mcp_learning.synthetic import loading

    settings = load_settings(data_dir)
    chosen = [name.strip() for name in task_types.split(",") if name.strip()]

    async def work() -> "Filled":
        with logged_progress(quiet=json) as progress:
            return await loading.generate(
                settings, count, seed=seed, task_types=chosen, embed=embed, progress=progress
            )

    filled = run(work)
    if json:
        values = {
            "rows": filled.rows,
            "tasks": filled.tasks,
            "embed_seconds": round(filled.embed_seconds, 3),
            "insert_seconds": round(filled.insert_seconds, 3),
            "rows_per_second": round(filled.rows_per_second),
        }
        print_json(values)
        return
    vectors = f", {filled.tasks:,} tasks embedded in {filled.embed_seconds:.1f} s" if embed else ""
    console.print(
        f"{filled.rows:,} executions inserted in {filled.insert_seconds:.2f} s "
        f"({filled.rows_per_second:,.0f} rows/s){vectors}.",
        markup=False,
        highlight=False,
    )
