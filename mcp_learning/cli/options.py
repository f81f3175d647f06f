"""Options that commands share, and what a path or a time on the command line may be."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from mcp_learning import environment
from mcp_learning.clients.values import moment

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


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


def typed_moment(text: str) -> datetime:
    """A time on the command line: a date, a date with a time, or an age such as `30d`; in UTC.

    Raises:
        BadParameter: It is none of these.
    """
    found = moment(text.strip())
    if age := re.fullmatch(r"(\d{1,6})([hdw])", text.strip()):
        with suppress(OverflowError):
            found = datetime.now(UTC) - int(age[1]) * _UNITS[age[2]]
    if found is None:
        problem = f"{text!a} is neither a date (2026-01-31) nor an age (12h, 30d, 6w)"
        raise typer.BadParameter(problem)
    return found


def path_argument(told: str, metavar: str | None = None) -> Any:
    """An argument that `typed_path` reads; `told` is its help."""
    return typer.Argument(parser=typed_path, metavar=metavar, help=told, show_default=False)


def path_option(flag: str, metavar: str, told: str) -> Any:
    """An option that `typed_path` reads; `told` is its help."""
    return typer.Option(flag, parser=typed_path, metavar=metavar, help=told, show_default=False)


def data_dir_option(told: str) -> Any:
    """`--data-dir`; `told` is its help."""
    return typer.Option(
        "--data-dir", parser=typed_directory, metavar="DIRECTORY", help=told, show_default=False
    )


DataDir = Annotated[Path | None, data_dir_option("Data directory [env: MCP_LEARNING_DATA_DIR]")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Of an execution; its beginning is enough")]

# Which executions: the same options wherever executions are listed.
Repo = Annotated[str, typer.Option("--repo", help="Only this repository")]
TaskType = Annotated[str, typer.Option("--type", "--task-type", help="Only this task type")]
Approach = Annotated[str, typer.Option("--approach", help="Only this approach")]
Outcome = Annotated[
    str, typer.Option("--outcome", metavar="OUTCOME", help="any, success, failure or pending")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        parser=typed_moment,
        metavar="WHEN",
        help="Only what was recorded since: 2026-01-31, or 12h, 30d, 6w ago",
        show_default=False,
    ),
]

CompareBy = Annotated[
    str, typer.Option("--by", help="approach, model_tier, pool_type or swarm_topology")
]
