"""`mcp-learning evaluate`: how well recommendations would have predicted your executions."""

from pathlib import Path
from typing import Annotated

import typer

from mcp_learning.cli.options import CompareBy, DataDir, Json
from mcp_learning.cli.running import load_settings, request, run
from mcp_learning.models.requests import RecommendApproach


def evaluate(
    by: CompareBy = "approach",
    predict: Annotated[
        int, typer.Option(min=1, max=20_000, help="Latest executions to predict")
    ] = 2_000,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the calibration in this file (.svg, .png)", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Replay your executions, each outcome predicted from earlier ones, and score it."""
    from mcp_learning.bench import evaluating

    settings = load_settings(data_dir)
    dimension = request(RecommendApproach, task_description="any", by=by).by

    async def work() -> None:
        await evaluating.own_history(
            settings, by=dimension, predict=predict, plot=plot, as_json=json
        )

    run(work)
