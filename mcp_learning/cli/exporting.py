"""`export`: writes all executions, without vectors, into one file."""

import time
from functools import partial
from pathlib import Path

import anyio.to_thread
import typer

from mcp_learning.cli.progress import progress_bar
from mcp_learning.cli.session import fail, load_settings, run, service
from mcp_learning.clients.transfer.exports import Writer, writer
from mcp_learning.errors import LearningError
from mcp_learning.models.fields import Model
from mcp_learning.models.transfer import ExportPage


class ExportReport(Model):
    """What `export --json` prints."""

    path: str
    executions: int
    feedback: int
    uses: int
    seconds: float


def export(path: Path, *, force: bool, data_dir: Path | None, as_json: bool) -> None:
    """Writes all executions to `path`, and prints how many.

    Args:
        path: Ends with .jsonl or .parquet; `-`: JSON lines on stdout.
        force: Replace a file that is there.
        data_dir: The data directory.
        as_json: Print one JSON object; on stderr, when the lines are on stdout.
    """
    settings = load_settings(data_dir)
    if not settings.database_path.exists():
        fail(f"there is no database {settings.database_path} to export")
    begin = time.perf_counter()
    bar = progress_bar(quiet=as_json)
    task = bar.add_task("exporting", total=None)

    async def work(target: Writer) -> tuple[int, int, int]:
        executions = feedback = uses = 0
        request = ExportPage()
        async with service(settings) as opened:
            while (page := await opened.export_page(request)).rows:
                await anyio.to_thread.run_sync(target.write, page.rows)
                executions += len(page.rows)
                feedback += sum(len(row.get("feedback", ())) for row in page.rows)
                uses += sum(len(row.get("uses", ())) for row in page.rows)
                bar.update(task, total=page.total, completed=min(executions, page.total))
                request = ExportPage(after=page.last)
        return executions, feedback, uses

    try:
        with bar, writer(path, force=force) as target:
            counts = run(partial(work, target))
    except LearningError as error:
        fail(str(error))
    report = ExportReport(
        path=str(path),
        executions=counts[0],
        feedback=counts[1],
        uses=counts[2],
        seconds=round(time.perf_counter() - begin, 2),
    )
    to_stderr = str(path) == "-"
    if as_json:
        typer.echo(report.model_dump_json(indent=2), err=to_stderr)
    else:
        typer.echo(
            f"{report.executions:,} executions, {report.feedback:,} feedbacks and {report.uses:,} "
            f"uses written to {path} ({report.seconds:.1f} s).",
            err=to_stderr,
        )
