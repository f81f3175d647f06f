"""Options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Data directory [env: MCP_LEARNING_DATA_DIR]", show_default=False
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines")]
OnlyRepo = Annotated[str, typer.Option(help="Only this repository")]
CompareBy = Annotated[str, typer.Option(help="approach, model_tier, pool_type or swarm_topology")]
