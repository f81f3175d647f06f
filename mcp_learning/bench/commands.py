"""What `generate-data`, `benchmark` and `calibrate` print."""

import json
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from mcp_learning.bench import (
    calibration,
    floors,
    loading,
    page,
    pairs,
    peers,
    plots,
    report,
    results,
    scaling,
    suite,
)
from mcp_learning.bench.results import Outcome, Results
from mcp_learning.errors import InvalidInput, LearningError
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
    with shown_progress(quiet=as_json) as progress:
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
    *, rows: int, quick: bool, to: Path | None, data_dir: Path | None, as_json: bool
) -> bool:
    """Measures, prints the outcome, and returns whether every bar was cleared.

    Args:
        rows: Executions in the database, >= 1.
        quick: Repeat less.
        to: Markdown file to write as well.
        data_dir: Where to make the temporary databases; None: where the system has such things.
        as_json: Print one JSON object instead of a table.

    Raises:
        LearningError: A measurement failed, or the page can't be written.
    """
    plan = suite.quick(rows) if quick else suite.full(rows)
    with shown_progress(quiet=as_json) as progress:
        measurements = suite.measure(plan, data_dir, progress)
    if to is not None:
        command = f"mcp-learning benchmark --rows {rows}{' --quick' if quick else ''}"
        text = report.markdown(measurements, plan, f"{command} --markdown {shlex.quote(str(to))}")
        _write(to, text)
    if as_json:
        console.file.write(json.dumps(report.as_json(measurements, plan), indent=2) + "\n")
    else:
        console.print(report.table(measurements, plan))
    return all(measurement.passed for measurement in measurements)


def scale(
    *,
    sizes: str,
    presets: str,
    others: str,
    kept: Path | None,
    drawn: Path | None,
    to: Path | None,
    data_dir: Path | None,
    quick: bool,
    as_json: bool,
) -> bool:
    """Measures sizes, prints a table, and returns whether every bar was cleared.

    Args:
        sizes: Comma-separated numbers of executions; empty: measure nothing, show what is kept.
        presets: Comma-separated presets of the HNSW index; empty: none is built.
        others: Comma-separated peers, or `all`; empty: none.
        kept: JSON file that each size is added to as soon as it is measured.
        drawn: Directory of pictures to draw.
        to: Markdown file to write.
        data_dir: Where prepared databases are kept and found again; None: temporary.
        quick: Ask less.
        as_json: Print one JSON object instead of a table.

    Raises:
        LearningError: An argument is wrong, a measurement failed, or a file can't be written.
    """
    found: Results = results.load(kept) if kept else {}

    def done(outcome: Outcome) -> None:
        found[outcome["rows"]] = outcome
        if kept:
            results.save(kept, found)

    if sizes:
        plan = scaling.make_plan(sizes, presets, peers.chosen(others), quick=quick)
        with shown_progress(quiet=as_json) as progress:
            scaling.measure(plan, data_dir, progress, done)
    if not found:
        raise InvalidInput("sizes", "nothing is measured yet; give some, such as 1000,10000")
    found = dict(sorted(found.items()))
    pictures, overview = plots.draw(found, drawn) if drawn else ({}, None)
    if to is not None:
        beside = {rows: _relative(picture, to) for rows, picture in pictures.items()}
        _write(to, page.markdown(found, beside, _relative(overview, to) if overview else None))
    if as_json:
        console.file.write(json.dumps({str(k): v for k, v in found.items()}, indent=2) + "\n")
    else:
        console.print(page.table(found))
    return results.passed(found.values())


def calibrate(settings: Settings, *, given: Path | None, compare: bool, as_json: bool) -> None:
    """Measures floors, and other fusions if asked for, and prints tables and what follows.

    Args:
        settings: Say which model.
        given: File with questions and records; None: the packaged paraphrases.
        compare: Also compare fusions.
        as_json: Print one JSON object instead of tables.

    Raises:
        LearningError: The file is wrong, or the model or a temporary database can't be used.
    """
    asked = pairs.load(given) if given else None
    with shown_progress(quiet=as_json) as progress:
        outcome = calibration.measure(settings, asked, compare=compare, progress=progress)
    if as_json:
        console.file.write(json.dumps(outcome.as_json(), indent=2) + "\n")
        return
    console.print(floors.table(outcome))
    if compare:
        console.print(floors.comparison(outcome))
    console.print(floors.advice(outcome), markup=False, highlight=False, soft_wrap=True)


def _relative(picture: Path, to: Path) -> str:
    return Path(os.path.relpath(picture, to.parent)).as_posix()


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LearningError(f"{path} can't be written: {error.strerror}") from error


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[loading.Progress]:
    """A bar on a terminal's stderr, else a line per step; nothing when quiet."""
    terminal = Console(stderr=True)
    if quiet or not terminal.is_terminal:
        yield _lines(terminal, quiet=quiet)
        return
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=terminal,
        transient=True,
    )
    with bars:
        bar = bars.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(bar, description=what, completed=done, total=total)

        yield show


def _lines(terminal: Console, *, quiet: bool) -> loading.Progress:
    """For a log: each step once, with the time at which it began."""
    last = ""

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        if what != last and not quiet:
            terminal.print(f"{time.strftime('%H:%M:%S')} {what}", markup=False, highlight=False)
        last = what

    return show
