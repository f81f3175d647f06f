"""`python -m benchmarks suite`."""

import shlex
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
from benchmarks.suite import measure, report
from mcp_learning.cli.progress import logged_progress


def suite(
    rows: Annotated[int, typer.Option(min=1, help="Executions in the database")] = 10_000,
    quick: Quick = False,
    check: Check = False,
    markdown: Markdown = None,
    directory: Annotated[
        Path | None,
        typer.Option(help="Make the databases here, to measure this disk", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure latency, memory and throughput at one size, each against its target."""
    plan = measure.quick(rows) if quick else measure.full(rows)
    with logged_progress(quiet=json) as progress:
        measurements = measure.measure(plan, directory, progress)
    if markdown is not None:
        command = f"python -m benchmarks suite --rows {rows}{' --quick' if quick else ''}"
        command += f" --markdown {shlex.quote(str(markdown))}"
        write_text(markdown, report.markdown(measurements, plan, command))
    if json:
        print_json(report.as_json(measurements, plan))
    else:
        console.print(report.table(measurements, plan))
    exit_unless(all(measurement.passed for measurement in measurements), check=check)
