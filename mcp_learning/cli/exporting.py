"""`mcp-learning export`: writes all executions, without vectors, into one file."""

import time
from contextlib import nullcontext
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.progress import progress_bar
from mcp_learning.cli.running import load_settings, run, service
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.clients.transfer.exports import Writer


def export(
    path: Annotated[
        Path,
        path_argument("Ends with .jsonl or .parquet; - writes JSON lines to stdout", "PATH"),
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Write all executions, with feedback, to a file that `import` can read."""
    import anyio.to_thread

    from mcp_learning.clients.transfer.exports import lessons_path, writer
    from mcp_learning.models.lessons import ExportLessons
    from mcp_learning.models.transfer import ExportPage

    settings = load_settings(data_dir, needs_database=True)
    begin, beside = time.perf_counter(), lessons_path(path)
    bar = progress_bar(quiet=json)
    task = bar.add_task("exporting", total=None)

    async def work(target: "Writer", taught: "Writer") -> dict[str, int]:
        done = dict.fromkeys(("executions", "feedback", "uses", "lessons"), 0)
        request = ExportPage()
        async with service(settings) as learning:
            while (page := await learning.export_page(request)).rows:
                await anyio.to_thread.run_sync(target.write, page.rows)
                done["executions"] += len(page.rows)
                for name in ("feedback", "uses"):
                    done[name] += sum(len(row.get(name, ())) for row in page.rows)
                bar.update(task, total=page.total, completed=min(done["executions"], page.total))
                request = ExportPage(after=page.last)
            further = ExportLessons()
            while found := (await learning.export_lessons(further)).lessons:
                rows = [one.model_dump(mode="json", exclude_none=True) for one in found]
                await anyio.to_thread.run_sync(taught.write, rows)
                done["lessons"] += len(rows)
                further = ExportLessons(offset=done["lessons"])
        return done

    with (
        bar,
        nullcontext() if beside == path else writer(beside, force=force) as taught,
        writer(path, force=force) as target,
    ):
        done = run(partial(work, target, taught or target))
    if beside != path and not done["lessons"]:
        beside.unlink()
    seconds, to_stderr = round(time.perf_counter() - begin, 2), str(path) == "-"
    place = "stdout" if to_stderr else str(path)
    line = (
        f"{counted(done['executions'], 'execution')} written to {place}, with "
        f"{done['feedback']:,} feedback, {counted(done['uses'], 'link')} to executions used and "
        f"{counted(done['lessons'], 'lesson')} ({seconds:.1f} s)."
    )
    report = {"path": str(path), **done, "seconds": seconds}
    typer.echo(dumps(report, indent=2) if json else line, err=to_stderr)
