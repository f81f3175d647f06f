"""What `evaluate` prints: how well recommendations would have predicted the user's executions."""

import json
from pathlib import Path

import anyio
import anyio.to_thread
from rich.console import Console
from rich.table import Table

from mcp_learning.bench import evaluation
from mcp_learning.bench.evaluation import Following, Report
from mcp_learning.bench.past import latest, unpacked
from mcp_learning.bench.progress import shown_progress
from mcp_learning.bench.replay import replay
from mcp_learning.bench.scores import Scores
from mcp_learning.cluster.connect import connect
from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.requests import Dimension
from mcp_learning.settings import Settings

MOST_HISTORY = 20_000
"""Latest executions that are looked at: as evidence, or to be predicted."""

console = Console()


async def own_history(
    settings: Settings, *, by: Dimension, predict: int, plot: Path | None, as_json: bool
) -> None:
    """Replays the executions in the database of `settings`, and prints how well it would have done.

    Args:
        settings: Say which database.
        by: What is compared.
        predict: Latest executions to predict.
        plot: File to draw the calibration in; None: none.
        as_json: Print one JSON object.

    Raises:
        LearningError: The database or the model can't be used, or the plot can't be written.
    """
    async with connect(settings) as service:
        await service.embed_missing(EmbedMissing(), _unheard)
        noise, executions = await latest(service, by, MOST_HISTORY)
    past = unpacked(executions)
    with shown_progress(quiet=as_json) as progress:
        half_life = settings.evidence_half_life_days
        replayed = await anyio.to_thread.run_sync(replay, past, noise, half_life, predict, progress)
    report = evaluation.evaluate(replayed)
    if plot is not None and report.predictions:
        evaluation.draw(replayed.predicted, replayed.happened, f"by {by}", plot)
    if as_json:
        console.file.write(json.dumps(report.as_json(), indent=2) + "\n")
    else:
        _print_report(report, by)


def _print_report(report: Report, by: str) -> None:
    for text in report.thin:
        console.print(f"Too thin: {text}.", markup=False, highlight=False, soft_wrap=True)
    if not report.predictions:
        return
    table = Table(title=f"{report.predictions} outcomes predicted from earlier ones, by {by}")
    for heading in ("", "log loss", "Brier", "AUC", "calibration error"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, scores in (
        ("recommend_approach", report.ours),
        ("rate per option", report.per_option),
        ("global rate", report.overall),
    ):
        if scores is not None:
            table.add_row(name, *_scores(scores))
    console.print(table)
    if report.following is not None:
        console.print(_following(report.following), markup=False, highlight=False, soft_wrap=True)


def _scores(scores: Scores) -> tuple[str, ...]:
    auc = "" if scores.auc is None else f"{scores.auc:.3f}"
    return f"{scores.log_loss:.3f}", f"{scores.brier:.3f}", auc, f"{scores.ece:.3f}"


def _following(found: Following) -> str:
    regret = found.regret
    against = "" if regret is None else f" Regret against the best single option: {regret:+.1%}."
    return (
        f"Following the recommendation: {found.rate:.0%} would succeed (90 % interval "
        f"{found.low:.0%} to {found.high:.0%}), against {found.logged:.0%} of what was done."
        f"{against} Estimated off-policy from the {found.matched} executions that took the "
        "recommended option, by self-normalised inverse propensity; it is wrong if the choice "
        "depended on something that also decides the outcome, such as how hard the task was."
    )


async def _unheard(share: float, message: str) -> None:
    """Progress of embedding what lacks a vector."""
