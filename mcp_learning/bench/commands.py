"""What `generate-data` and `benchmark` print."""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from mcp_learning.bench import loading, report, suite
from mcp_learning.errors import LearningError
from mcp_learning.settings import Settings

console = Console()


async def generate_data(
    settings: Settings, *, count: int, task_types: str, seed: int, embed: bool, as_json: bool
) -> None:
    """Fills the database and prints how fast.

    Args:
        settings: Say which database and which model.
        count: Executions, >= 1.
        task_types: Comma-separated; empty: all.
        seed: The same seed gives the same tasks.
        embed: False leaves the vectors to the embedding queue.
        as_json: Print one JSON object.

    Raises:
        LearningError: A task type is unknown, or the database or the model can't be used.
    """
    chosen = [name.strip() for name in task_types.split(",") if name.strip()]
    with _progress(quiet=as_json) as progress:
        filled = await loading.generate(
            settings, count, seed=seed, task_types=chosen, embed=embed, progress=progress
        )
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


def benchmark(
    *, rows: int, quick: bool, page: Path | None, data_dir: Path | None, as_json: bool
) -> bool:
    """Measures, prints the outcome, and returns whether every bar was cleared.

    Args:
        rows: Executions in the database, >= 1.
        quick: Repeat less.
        page: Markdown file to write as well.
        data_dir: Where to make the temporary databases; None: where the system has such things.
        as_json: Print one JSON object instead of a table.

    Raises:
        LearningError: A measurement failed, or the page can't be written.
    """
    plan = suite.quick(rows) if quick else suite.full(rows)
    with _progress(quiet=as_json) as progress:
        measurements = suite.measure(plan, data_dir, progress)
    if page is not None:
        command = f"mcp-learning benchmark --rows {rows}{' --quick' if quick else ''}"
        text = report.markdown(measurements, plan, f"{command} --markdown {shlex.quote(str(page))}")
        try:
            page.write_text(text, encoding="utf-8")
        except OSError as error:
            raise LearningError(f"{page} can't be written: {error.strerror}") from error
    if as_json:
        console.file.write(json.dumps(report.as_json(measurements, plan), indent=2) + "\n")
    else:
        console.print(report.table(measurements, plan))
    return all(measurement.passed for measurement in measurements)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[loading.Progress]:
    """A bar on a terminal's stderr; otherwise nothing."""
    terminal = Console(stderr=True)
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=terminal,
        transient=True,
        disable=quiet or not terminal.is_terminal,
    )
    with bars:
        bar = bars.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(bar, description=what, completed=done, total=total)

        yield show
