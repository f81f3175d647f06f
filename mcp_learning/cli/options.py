"""Options that commands share, and what a path on the command line may be."""

from pathlib import Path
from typing import Annotated

import typer

from mcp_learning import environment


def typed_path(text: str) -> Path:
    """The path of a file or a directory on the command line, with `~` expanded.

    Raises:
        BadParameter: It is empty, or can't be the path of a file.
    """
    if environment.is_empty(text):
        raise typer.BadParameter("the path is empty")
    try:
        text.encode()
        return Path(text).expanduser()
    except UnicodeEncodeError:
        raise typer.BadParameter(f"{text!a} is not UTF-8; rename it") from None
    except RuntimeError:
        raise typer.BadParameter(f"{text}: there is no home directory of that name") from None


def typed_directory(text: str) -> Path | None:
    """A data directory on the command line, which settings check; None if it is empty."""
    return None if environment.is_empty(text) else Path(text)


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=typed_directory,
        metavar="DIRECTORY",
        help="Data directory [env: MCP_LEARNING_DATA_DIR]",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines")]
OnlyRepo = Annotated[str, typer.Option(help="Only this repository")]
CompareBy = Annotated[str, typer.Option(help="approach, model_tier, pool_type or swarm_topology")]
