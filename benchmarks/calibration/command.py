"""`python -m benchmarks calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.calibration import floors, questions, report
from benchmarks.output import AsJson, console, print_json
from mcp_learning.cli.progress import logged_progress
from mcp_learning.cli.running import load_settings


def calibrate(
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines with questions and the records that answer them (docs/tuning.md); "
            "default: packaged paraphrases",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also compare ways to combine words and vectors")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Where a downloaded model is looked for; the database there isn't touched",
            show_default=False,
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure which similarity floor fits the configured embedding model."""
    settings = load_settings(data_dir)
    given = questions.load(pairs) if pairs else None
    with logged_progress(quiet=json) as progress:
        outcome = floors.measure(settings, given, compare=compare, progress=progress)
    if json:
        print_json(outcome.as_json())
        return
    console.print(report.table(outcome))
    if compare:
        console.print(report.comparison(outcome))
    console.print(report.advice(outcome), markup=False, highlight=False, soft_wrap=True)
