"""`generate-data`: fills a database with synthetic executions."""

import json
from pathlib import Path

from rich.console import Console

from mcp_learning.bench.progress import shown_progress
from mcp_learning.cli.session import load_settings, run
from mcp_learning.synthetic import loading
from mcp_learning.synthetic.loading import Filled

console = Console()


def generate_data(
    *,
    count: int,
    task_types: str,
    seed: int,
    embed: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Adds synthetic executions and prints how fast.

    Args:
        count: How many, >= 1.
        task_types: Comma-separated; empty: all.
        seed: The same seed gives the same tasks.
        embed: False leaves the vectors to the embedding queue.
        data_dir: Of the database; None: as configured.
        as_json: Print one JSON object.
    """
    settings = load_settings(data_dir)
    chosen = [name.strip() for name in task_types.split(",") if name.strip()]

    async def work() -> Filled:
        with shown_progress(quiet=as_json) as progress:
            return await loading.generate(
                settings, count, seed=seed, task_types=chosen, embed=embed, progress=progress
            )

    filled = run(work)
    if as_json:
        values = {
            "rows": filled.rows,
            "tasks": filled.tasks,
            "embed_seconds": round(filled.embed_seconds, 3),
            "insert_seconds": round(filled.insert_seconds, 3),
            "rows_per_second": round(filled.rows_per_second),
        }
        console.file.write(json.dumps(values, indent=2) + "\n")
        return
    vectors = f", {filled.tasks:,} tasks embedded in {filled.embed_seconds:.1f} s" if embed else ""
    console.print(
        f"{filled.rows:,} executions inserted in {filled.insert_seconds:.2f} s "
        f"({filled.rows_per_second:,.0f} rows/s){vectors}.",
        markup=False,
        highlight=False,
    )
