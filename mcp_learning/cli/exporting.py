"""`mcp-learning export`: writes all executions, without vectors, into one file."""

import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.progress import progress_bar
from mcp_learning.cli.running import fail, load_settings, run, service, told
from mcp_learning.errors import LearningError
from mcp_learning.models.fields import Model
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.clients.transfer.exports import Writer


class ExportReport(Model):
    """What `export --json` prints."""

    path: str
    executions: int
    feedback: int
    uses: int
    lessons: int
    seconds: float


def export(
    path: Annotated[
        Path,
        path_argument("Ends with .jsonl or .parquet; - writes JSON lines to stdout", "PATH"),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write all executions, with feedback, to a file that `import` takes back."""
    import anyio.to_thread

    from mcp_learning.clients.transfer.exports import lessons_beside, writer
    from mcp_learning.models.lessons import ExportLessons
    from mcp_learning.models.transfer import ExportPage

    settings = load_settings(data_dir, needs_database=True)
    begin, beside = time.perf_counter(), lessons_beside(path)
    bar = progress_bar(quiet=json)
    task = bar.add_task("exporting", total=None)

    async def work(target: "Writer", taught: "Writer") -> tuple[int, int, int, int]:
        executions = feedback = uses = 0
        request = ExportPage()
        async with service(settings) as learning:
            while (page := await learning.export_page(request)).rows:
                await anyio.to_thread.run_sync(target.write, page.rows)
                executions += len(page.rows)
                feedback += sum(len(row.get("feedback", ())) for row in page.rows)
                uses += sum(len(row.get("uses", ())) for row in page.rows)
                bar.update(task, total=page.total, completed=min(executions, page.total))
                request = ExportPage(after=page.last)
            lessons = 0
            while found := (await learning.export_lessons(ExportLessons(offset=lessons))).lessons:
                rows = [one.model_dump(mode="json", exclude_none=True) for one in found]
                await anyio.to_thread.run_sync(taught.write, rows)
                lessons += len(rows)
        return executions, feedback, uses, lessons

    try:
        with (
            bar,
            nullcontext() if beside == path else writer(beside, force=force) as taught,
            writer(path, force=force) as target,
        ):
            counts = run(partial(work, target, taught or target))
        if beside != path and not counts[-1]:
            beside.unlink()
    except LearningError as error:
        fail(told(error))
    report = ExportReport(
        path=str(path),
        executions=counts[0],
        feedback=counts[1],
        uses=counts[2],
        lessons=counts[3],
        seconds=round(time.perf_counter() - begin, 2),
    )
    to_stderr = str(path) == "-"
    if json:
        typer.echo(report.model_dump_json(indent=2), err=to_stderr)
    else:
        place = "stdout" if to_stderr else str(path)
        typer.echo(
            f"{counted(report.executions, 'execution')} written to {place}, with "
            f"{report.feedback:,} feedback, {counted(report.uses, 'link')} to executions used and "
            f"{counted(report.lessons, 'lesson')} ({report.seconds:.1f} s).",
            err=to_stderr,
        )
