"""`python -m benchmarks scale`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.output import (
    AsJson,
    Check,
    Markdown,
    Quick,
    console,
    exit_unless,
    print_json,
    write_text,
)
from benchmarks.scale import measure as measuring
from benchmarks.scale import page, peers, plots, results
from benchmarks.scale.results import Outcome, Results
from mcp_learning.cli.progress import logged_progress
from mcp_learning.errors import InvalidInput


def scale(
    sizes: Annotated[
        str,
        typer.Option(
            help="Executions, e.g. 1000,10000,100000,1000000; none: show what --results has",
            metavar="N,N",
        ),
    ] = "",
    presets: Annotated[
        str,
        typer.Option(help="HNSW indexes to build, of fast,balanced,high_recall", metavar="A,B"),
    ] = "balanced",
    others: Annotated[
        str,
        typer.Option(
            "--peers", help="Other vector indexes to measure, by name, or all", metavar="A,B"
        ),
    ] = "",
    kept: Annotated[
        Path | None,
        typer.Option("--results", help="Add each size to this JSON file", show_default=False),
    ] = None,
    drawn: Annotated[
        Path | None,
        typer.Option("--plots", help="Draw SVG files in this directory", show_default=False),
    ] = None,
    quick: Quick = False,
    check: Check = False,
    markdown: Markdown = None,
    directory: Annotated[
        Path | None,
        typer.Option(
            help="Keep the databases and indexes here, and use them again", show_default=False
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure recall, latency and memory over sizes, presets and other vector indexes."""
    passed = measure_sizes(
        sizes=sizes,
        presets=presets,
        others=others,
        kept=kept,
        drawn=drawn,
        to=markdown,
        directory=directory,
        quick=quick,
        as_json=json,
    )
    exit_unless(passed, check=check)


def measure_sizes(
    *,
    sizes: str,
    presets: str,
    others: str,
    kept: Path | None,
    drawn: Path | None,
    to: Path | None,
    directory: Path | None,
    quick: bool,
    as_json: bool,
) -> bool:
    """Measures sizes, prints a table, and returns whether every target was met.

    Args:
        sizes: Comma-separated numbers of executions; empty: measure nothing, show what is kept.
        presets: Comma-separated presets of the HNSW index; empty: none is built.
        others: Comma-separated peers, or `all`; empty: none.
        kept: JSON file that each size is added to as soon as it is measured.
        drawn: Directory for SVG files.
        to: Markdown file to write.
        directory: Where databases are kept and found again; None: temporary.
        quick: Ask fewer queries.
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
        plan = measuring.make_plan(sizes, presets, peers.chosen(others), quick=quick)
        with logged_progress(quiet=as_json) as progress:
            measuring.measure(plan, directory, progress, done)
    if not found:
        raise InvalidInput("sizes", "nothing is measured yet; give some, such as 1000,10000")
    found = dict(sorted(found.items()))
    pictures, overview = plots.draw(found, drawn) if drawn else ({}, None)
    if to is not None:
        beside = {rows: _relative(picture, to) for rows, picture in pictures.items()}
        write_text(to, page.markdown(found, beside, _relative(overview, to) if overview else None))
    if as_json:
        print_json({str(rows): outcome for rows, outcome in found.items()})
    else:
        console.print(page.table(found))
    return results.passed(found.values())


def _relative(picture: Path, to: Path) -> str:
    return Path(os.path.relpath(picture, to.parent)).as_posix()
