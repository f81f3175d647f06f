"""`mcp-learning evaluate`: how well recommendations would have predicted your executions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import CompareBy, DataDir, Json, path_option
from mcp_learning.cli.output import console, echo, print_json
from mcp_learning.cli.progress import ShowCount, logged_progress
from mcp_learning.cli.running import fail, load_settings, request, run, service
from mcp_learning.models.dashboard import ListHistory
from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.requests import Dimension
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.recommend.agreement import Agreement
    from mcp_learning.recommend.evaluation import Following, Report
    from mcp_learning.recommend.replay import Replay
    from mcp_learning.settings import Settings

MOST_HISTORY = 20_000
"""Most executions that are read, as evidence or to be predicted: the latest."""


def evaluate(
    by: CompareBy = "approach",
    predict: Annotated[
        int, typer.Option(min=1, max=20_000, help="Latest executions to predict")
    ] = 2_000,
    plot: Annotated[
        Path | None,
        path_option("--plot", "FILE", "Draw the calibration in this file (.svg, .png)"),
    ] = None,
    lessons: Annotated[
        bool, typer.Option("--lessons", help="Replay lessons instead: failures that they name")
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit with status 1 if advice is worse than plain rates, or miscalibrated",
        ),
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Replay your executions, each outcome predicted from earlier ones, and score it."""
    for option, given in (("--plot", plot is not None), ("--check", check)):
        if lessons and given:
            fail(f"{option} can't be used with --lessons: leave one of them out", 2)
    dimension = request(ListHistory, by=by).by
    settings = load_settings(data_dir, needs_database=True)
    if lessons:
        from mcp_learning.cli.lesson_evaluation import evaluate_lessons

        evaluate_lessons(settings, MOST_HISTORY, json=json)
        return

    async def work() -> bool:
        from mcp_learning.recommend import evaluation

        if plot is not None:
            evaluation.check_plot(plot)
        replayed, found = await _replayed(settings, dimension, predict, quiet=json)
        report = evaluation.evaluate(replayed)
        if plot is not None and report.predictions:
            evaluation.draw(replayed.predicted, replayed.happened, f"by {by}", plot)
        if json:
            agreed = None if found is None else found.as_json()
            print_json(report.as_json() | {"agreement": agreed})
        else:
            _print_report(report, by)
            if found is not None:
                echo(_agreed(found))
        return bool(report.missed)

    if run(work) and check:
        raise typer.Exit(1)


async def _replayed(
    settings: "Settings", by: Dimension, predict: int, *, quiet: bool
) -> tuple["Replay", "Agreement | None"]:
    """Reads the history through the service, and replays it in this process."""
    import anyio.to_thread

    from mcp_learning.recommend.agreement import agreement
    from mcp_learning.recommend.replay import replay
    from mcp_learning.service.history import latest, unpacked
    from mcp_learning.service.protocol import ignore_progress

    async with service(settings) as learning:
        await learning.embed_missing(EmbedMissing(), ignore_progress)
        noise, entries = await latest(learning, by, MOST_HISTORY)

    def work(progress: ShowCount) -> tuple["Replay", "Agreement | None"]:
        past = [unpacked(entry) for entry in entries]
        replayed = replay(past, by, noise, settings.evidence_half_life_days, predict, progress)
        return replayed, agreement(past)

    with logged_progress(quiet=quiet) as progress:
        return await anyio.to_thread.run_sync(work, progress)


def _print_report(report: "Report", by: str) -> None:
    for heading, texts in ("Too thin", report.thin), ("Missed", report.missed):
        for text in texts:
            echo(f"{heading}: {text}.")
    if not report.predictions:
        return
    from rich import box
    from rich.table import Table

    predicted = counted(report.predictions, "outcome")
    title = f"{predicted} predicted from earlier ones, by {by}"
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for heading in ("", "log loss", "Brier", "AUC", "calibration error"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, scores in (
        ("recommend_approach", report.ours),
        ("rate per option", report.per_option),
        ("global rate", report.overall),
    ):
        if scores is not None:
            auc = "" if scores.auc is None else f"{scores.auc:.3f}"
            table.add_row(
                name, f"{scores.log_loss:.3f}", f"{scores.brier:.3f}", auc, f"{scores.ece:.3f}"
            )
    console.print(table)
    if report.following is not None:
        echo(_following(report.following))


def _following(found: "Following") -> str:
    regret = found.regret
    against = "" if regret is None else f" Regret against the best single option: {regret:+.1%}."
    return (
        f"Following the recommendation: {found.rate:.0%} would succeed (90 % interval "
        f"{found.low:.0%} to {found.high:.0%}), against {found.logged:.0%} of what was done."
        f"{against} Estimated off-policy from the {counted(found.matched, 'execution')} that "
        "took the recommended option, by self-normalised inverse propensity; it is wrong if the "
        "choice depended on something that also decides the outcome, such as how hard the task was."
    )


def _agreed(found: "Agreement") -> str:
    low, high = found.interval
    return (
        f"Told and observed: {counted(found.executions, 'outcome')} told by agents and judged by "
        f"other sources, too; {found.rate:.0%} agree (90 % interval {low:.0%} to {high:.0%}). Told "
        f"as success and observed as failure: {found.told_success}; the other way round: "
        f"{found.told_failure}."
    )
