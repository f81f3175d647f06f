"""`python -m benchmarks calibrate`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.calibration import questions, rankings, report, samples
from benchmarks.calibration.collection import embed
from benchmarks.calibration.questions import PARAPHRASES, Pairs
from benchmarks.calibration.regression import Regression
from benchmarks.output import AsJson, console, print_json
from mcp_learning.cli.progress import logged_progress
from mcp_learning.cli.running import load_settings
from mcp_learning.embed.embedder import Embedder
from mcp_learning.synthetic.generator import make_tasks

GENERATED = 1_000
"""Generated tasks among which the paraphrases are ranked."""

_SEED = 7


def calibrate(
    pairs: Annotated[
        list[Path],
        typer.Option(
            help="JSON lines with questions and the records that answer them (docs/tuning.md); "
            "several times: several sets, each of which is left out once",
            show_default=False,
        ),
    ],
    distractors: Annotated[
        Path | None,
        typer.Option(
            help=f"The same format: texts that fill each set up to {samples.LARGE:,} rows",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also compare ways to combine words and vectors")
    ] = False,
    json: AsJson = False,
) -> None:
    """Fit when a match is shown, for the configured embedding model, and say how well it does."""
    settings = load_settings(None)
    embedder = Embedder(
        settings.embedding_model,
        cache_dir=settings.model_dir,
        threads=settings.embedding_threads or None,
    )
    sets = {path.stem: questions.load(path) for path in pairs}
    sets[PARAPHRASES] = questions.paraphrases()
    others = questions.texts(distractors) if distractors else []
    crowd = [task.description for task in make_tasks(GENERATED, seed=_SEED)] if compare else []
    with logged_progress(quiet=json) as progress:
        records = [text for one in sets.values() for text in one.records.values()]
        asked = [one.text for some in sets.values() for one in some.questions]
        vectors = embed(embedder, [*records, *others, *crowd], asked, progress)
        found = samples.collect(sets, others, vectors, progress)
        outcome = Regression(found).calibration(embedder.model)
        compared: dict[str, list[rankings.Row]] = {}
        for number, (name, one) in enumerate(sets.items() if compare else ()):
            progress("comparing", number, len(sets))
            more = {f"other {at}": text for at, text in enumerate(crowd) if name == PARAPHRASES}
            ranked = Pairs(one.records | more, one.questions)
            compared[name] = rankings.rows(ranked, vectors)
    if json:
        rows = {name: [asdict(row) for row in some] for name, some in compared.items()}
        print_json({**asdict(outcome), "compared": rows})
        return
    console.print(report.coefficients(outcome))
    console.print(report.shares(outcome))
    if compared:
        console.print(report.comparison(compared))
