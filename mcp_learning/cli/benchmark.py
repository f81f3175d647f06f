"""`mcp-learning benchmark`: exact search against the HNSW index, on a copy of your database."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Annotated, Any, cast, get_args

import typer
from rich import box
from rich.table import Table

from mcp_learning.cli.options import DataDir, Json
from mcp_learning.cli.output import console, print_json
from mcp_learning.cli.progress import ShowCount, logged_progress
from mcp_learning.cli.running import fail, load_settings, run, service
from mcp_learning.models.maintenance import Backup
from mcp_learning.models.requests import Preset
from mcp_learning.service import index_benchmark
from mcp_learning.service.index_benchmark import Latency, PresetFigures
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.synthetic.loading import generate

GENERATED_ROWS_PER_SECOND = 600
"""Speed at which generated executions are embedded and inserted, on two CPUs."""

SPACE = 3
"""Free space wanted for the copy and one index, in sizes of the database."""


@dataclass
class Outcome:
    """What has been measured so far.

    Attributes:
        rows: Vectors compared.
        without_vector: Executions that have none and are left out.
        presets: What is measured, in order.
    """

    rows: int = 0
    without_vector: int = 0
    presets: list[PresetFigures] = field(default_factory=list)


def benchmark(
    generated: Annotated[
        int | None,
        typer.Option(
            min=1, help="Measure so many generated executions instead", show_default=False
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
    settings = load_settings(data_dir)
    chosen = _presets(presets)
    if generated is None:
        _check(settings)
    outcome = Outcome()

    async def work() -> None:
        # Files may still be held on Windows: leave them to the system.
        with (
            TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True) as scratch,
            logged_progress(quiet=json) as progress,
        ):
            directory = Path(scratch)
            if generated is None:
                await _copy(settings, directory, chosen, progress)
            else:
                await _generate(generated, directory, chosen, progress)
            await _measure(directory, settings.hnsw_ef_search, chosen, outcome, progress)

    try:
        run(work)
    finally:
        if outcome.presets:
            _show(outcome, settings, chosen, as_json=json)


def _check(settings: Settings) -> None:
    """Ends the command if there is no database, or no room for a copy of it."""
    if not settings.database_path.exists():
        fail(f"there is no database at {settings.database_path} yet; or use --generated N")
    wanted = SPACE * settings.database_path.stat().st_size
    if shutil.disk_usage(gettempdir()).free < wanted:
        fail(f"{wanted / 2**20:,.0f} MB have to be free in {gettempdir()}; or set TMPDIR")


async def _copy(
    settings: Settings, directory: Path, presets: Sequence[Preset], progress: ShowCount
) -> None:
    """Copies the user's database, also while a server has it open."""
    async with service(settings) as opened:
        rows = (await opened.health()).rows
        _announce(rows, index_benchmark.expected_seconds(rows, presets))
        progress("copying the database", 0, 1)
        await opened.backup(Backup(path=str(directory / settings.database_path.name)))


async def _generate(
    rows: int, directory: Path, presets: Sequence[Preset], progress: ShowCount
) -> None:
    building = index_benchmark.expected_seconds(rows, presets)
    _announce(rows, building + rows / GENERATED_ROWS_PER_SECOND)
    generated = Settings.model_construct(data_dir=directory)
    await generate(generated, rows, seed=1, task_types=(), embed=True, progress=progress)


async def _measure(
    directory: Path,
    ef_search: int,
    presets: Sequence[Preset],
    outcome: Outcome,
    progress: ShowCount,
) -> None:
    store = open_store(Settings.model_construct(data_dir=directory))
    try:
        progress("reading the vectors", 0, 1)
        vectors = await index_benchmark.read_vectors(store)
        outcome.without_vector = (await store.vector_state()).unembedded
    finally:
        await store.close()
    outcome.rows = len(vectors)
    for preset in presets:
        outcome.presets.append(
            await index_benchmark.compare(
                vectors, preset, directory / "index", ef_search=ef_search, progress=progress
            )
        )


def _presets(text: str) -> list[Preset]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [name for name in get_args(Preset) if name != "custom"]
    for name in names:
        if name not in known:
            fail(f"presets: no {name!r}; there are {', '.join(known)}", status=2)
    if not names:
        fail(f"presets: name at least one of {', '.join(known)}", status=2)
    return [cast("Preset", name) for name in dict.fromkeys(names)]


def _announce(rows: int, seconds: float) -> None:
    shown = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    typer.echo(f"{rows:,} executions; this takes about {shown}", err=True)


def _show(
    outcome: Outcome, settings: Settings, presets: Sequence[Preset], *, as_json: bool
) -> None:
    if as_json:
        print_json(_values(outcome, settings, presets))
        return
    table = Table(
        title=f"The {index_benchmark.K} nearest of {outcome.rows:,} vectors, p50 and p95 in ms",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("preset", no_wrap=True)
    for heading in ("exact", "HNSW", "recall@10", "build", "index"):
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
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _values(outcome: Outcome, settings: Settings, presets: Sequence[Preset]) -> dict[str, Any]:
    return {
        "rows": outcome.rows,
        "without_vector": outcome.without_vector,
        "complete": len(outcome.presets) == len(presets),
        "search_mode": settings.search_mode,
        "hnsw_min_rows": settings.hnsw_min_rows,
        "ef_search": settings.hnsw_ef_search,
        "presets": {one.preset: asdict(one) for one in outcome.presets},
    }


def _milliseconds(latency: Latency) -> str:
    return ", ".join(
        f"{value:,.2f}" if value < 10 else f"{value:,.0f}"
        for value in (latency.p50_ms, latency.p95_ms)
    )


def _remarks(outcome: Outcome, settings: Settings) -> list[str]:
    remarks = ["Comparing vectors alone: without embedding the question, words and grouping."]
    if outcome.without_vector:
        remarks.append(f"{outcome.without_vector:,} executions without a vector were left out.")
    if settings.search_mode == "exact":
        remarks.append("Searches use no index, since search_mode is exact.")
    elif settings.search_mode == "auto":
        remarks.append(
            f"Searches use no index below {settings.hnsw_min_rows:,} executions (hnsw_min_rows); "
            "from there on, they use it where it is faster."
        )
    return remarks
