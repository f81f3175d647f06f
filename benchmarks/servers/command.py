"""`python -m benchmarks servers`, `versions`, `hook` and `memory`."""

import shlex
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import anyio
import typer

from benchmarks.mcp_client import EMPTY_SERVER, PRODUCT_SERVER, spawn
from benchmarks.memory import resident_mb, resident_parts
from benchmarks.output import AsJson, console, print_json
from benchmarks.servers import compare
from benchmarks.servers import hook as hooks
from benchmarks.servers import versions as side_by_side
from mcp_learning.cli.progress import logged_progress
from mcp_learning.errors import InvalidInput
from mcp_learning.settings import Settings
from mcp_learning.synthetic.generator import make_tasks
from mcp_learning.synthetic.loading import Plan, generate

_SEED = 20_260
_QUERIES = 20


def servers(
    commands: Annotated[
        list[str], typer.Argument(help="MCP servers over stdio", metavar="NAME=COMMAND…")
    ],
    rounds: Annotated[int, typer.Option(min=1, help="Starts of each server")] = 5,
) -> None:
    """Compare any MCP servers: time to initialize, tools, memory. Linux only."""
    given = dict(one.partition("=")[::2] for one in commands)
    if not all(given.values()):
        raise InvalidInput("commands", 'each as NAME=COMMAND, such as ours="mcp-learning"')
    split = {name: shlex.split(command) for name, command in given.items()}
    found = compare.compare(split, rounds)
    console.file.write(compare.markdown(found) + "\n")


def versions(
    other: Annotated[
        Path,
        typer.Argument(
            metavar="PYTHON",
            help="Of the environment that has the earlier version",
            exists=True,
            dir_okay=False,
        ),
    ],
    rows: Annotated[int, typer.Option(min=1, help="Executions in each database")] = 5_000,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each version")] = 20,
) -> None:
    """Compare this version with an earlier one: start, import and calls, in turns. Linux only."""
    with (
        TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True) as scratch,
        logged_progress(quiet=False) as progress,
    ):
        found = side_by_side.compare(other.absolute(), rows, rounds, Path(scratch), progress)
    console.file.write(side_by_side.markdown(found) + "\n")


def hook(
    runs: Annotated[int, typer.Option(min=2, help="Without a server, and beside one")] = 50,
    rows: Annotated[int, typer.Option(min=100, help="Executions in the database")] = 10_000,
) -> None:
    """Measure the latency of the hook that agent clients run at each prompt."""
    alone, beside = hooks.measure(runs, rows)
    for line in (
        hooks.summary("no server", alone),
        hooks.summary(f"server with {rows:,} executions", beside),
    ):
        console.print(line, markup=False, highlight=False)


def memory(
    rows: Annotated[int, typer.Option(min=1, help="Executions in the database")] = 10_000,
    json: AsJson = False,
) -> None:
    """Show what the resident memory of a server consists of, after some searches."""
    asked = [task.description for task in make_tasks(2 * _QUERIES, seed=_SEED + 1)][:_QUERIES]
    with TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True) as scratch:
        settings = Settings.model_construct(data_dir=Path(scratch) / "data")
        with logged_progress(quiet=json) as progress:

            async def fill() -> None:
                await generate(settings, Plan(rows, seed=_SEED), embed=True, progress=progress)

            anyio.run(fill)
        with spawn(PRODUCT_SERVER, settings.data_dir) as server:
            for text in asked:
                server.call("find_similar_tasks", {"task_description": text})
            total, parts = resident_mb(server.pid), resident_parts(server.pid)
        with spawn(EMPTY_SERVER, settings.data_dir) as empty:
            empty.call("nothing", {})
            least = resident_mb(empty.pid)
    values = {
        "rows": rows,
        "resident_mb": round(total, 1),
        "empty_server_mb": round(least, 1),
        "parts_mb": {name: round(part, 1) for name, part in parts.items() if part >= 0.1},
    }
    if json:
        print_json(values)
        return
    console.print(f"{total:,.0f} MB resident at {rows:,} executions; an empty server: {least:,.0f}")
    for name, part in parts.items():
        if part >= 1:
            console.print(f"{part:8,.1f} MB  {name}", markup=False, highlight=False)
