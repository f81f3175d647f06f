"""`mcp-learning benchmark`: exact search against the HNSW index, on a copy of your database."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from tempfile import gettempdir
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer
from rich import box
from rich.table import Table

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, echo, print_json
from mcp_learning.cli.progress import logged_progress
from mcp_learning.cli.running import fail, load_settings, run
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.cli.benchmark_steps import Outcome
    from mcp_learning.models.requests import Preset
    from mcp_learning.service.index_benchmark import SearchLatency
    from mcp_learning.settings import Settings

_SPACE = 3  # free space needed for the copy and one index, as a multiple of the database's size


def benchmark(
    generated: Annotated[
        int | None,
        typer.Option(
            min=1, help="Measure this many generated executions instead", show_default=False
        ),
    ] = None,
    presets: Annotated[
        str, typer.Option(help="HNSW indexes to build, separated by commas", metavar="A,B")
    ] = "fast,balanced,high_recall",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Compare exact search with the HNSW index on a copy of your database: is the index worth it?

    Your database and its index are left as they are, and agents may go on using them.
    """
    from mcp_learning.cli.benchmark_steps import Outcome, measure

    chosen = _presets(presets)
    settings = load_settings(data_dir, needs_database=generated is None)
    if generated is None:
        wanted = _SPACE * settings.database_path.stat().st_size
        if shutil.disk_usage(gettempdir()).free < wanted:
            fail(f"{wanted / 2**20:,.0f} MB have to be free in {gettempdir()}; or set TMPDIR")
    outcome = Outcome()

    async def work() -> None:
        with logged_progress(quiet=json) as progress:
            await measure(settings, generated, chosen, outcome, progress)

    try:
        run(work)
    finally:
        if outcome.presets:
            _show(outcome, settings, chosen, as_json=json)


def _presets(text: str) -> list["Preset"]:
    from mcp_learning.models.requests import Preset

    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [name for name in get_args(Preset) if name != "custom"]
    for name in names:
        if name not in known:
            fail(f"--presets: no {name!r}; there are {', '.join(known)}", status=2)
    if not names:
        fail(f"--presets: name at least one of {', '.join(known)}", status=2)
    return [cast("Preset", name) for name in dict.fromkeys(names)]


def _show(
    outcome: "Outcome", settings: "Settings", presets: Sequence["Preset"], *, as_json: bool
) -> None:
    from mcp_learning.service.index_benchmark import K

    if as_json:
        print_json(_values(outcome, settings, presets))
        return
    nearest = f"the {K} nearest of {outcome.vectors:,} vectors"
    title = f"Before and after the HNSW index: {nearest}, p50 and p95 in ms"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    table.add_column("preset", no_wrap=True)
    for heading in ("exact (before)", "HNSW (after)", "recall@10", "build", "index"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in outcome.presets:
        recall = "" if one.recall_at_10 is None else f"{one.recall_at_10:.3f}"
        table.add_row(
            one.preset,
            _milliseconds(one.exact),
            _milliseconds(one.hnsw),
            recall,
            f"{one.build_seconds:,.1f} s",
            f"{one.index_bytes / 2**20:,.1f} MB",
        )
    console.print(table)
    for line in _remarks(outcome, settings):
        echo(line)


def _values(
    outcome: "Outcome", settings: "Settings", presets: Sequence["Preset"]
) -> dict[str, Any]:
    return {
        "executions": outcome.executions,
        "vectors": outcome.vectors,
        "without_vector": outcome.without_vector,
        "complete": len(outcome.presets) == len(presets),
        "search_mode": settings.search_mode,
        "hnsw_min_rows": settings.hnsw_min_rows,
        "ef_search": settings.hnsw_ef_search,
        "presets": {one.preset: asdict(one) for one in outcome.presets},
    }


def _milliseconds(latency: "SearchLatency") -> str:
    return ", ".join(
        f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
        for value in (latency.p50_ms, latency.p95_ms)
    )


def _remarks(outcome: "Outcome", settings: "Settings") -> list[str]:
    remarks = ["Comparing vectors alone: without embedding the question, words and grouping."]
    if outcome.without_vector:
        remarks.append(
            f"Left out, without a vector: {counted(outcome.without_vector, 'execution')}."
        )
    if settings.search_mode == "exact":
        remarks.append("Searches use no index, since search_mode is exact.")
    elif settings.search_mode == "auto":
        remarks.append(
            f"Searches use no index below {settings.hnsw_min_rows:,} executions (hnsw_min_rows); "
            "from there on, they use it where it is faster."
        )
    return remarks
