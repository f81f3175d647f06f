"""Options that several commands have, and parsers of paths and times on the command line."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from mcp_learning import environment
from mcp_learning.clients.values import parse_time

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_path(text: str) -> Path:
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


def parse_data_dir(text: str) -> Path | None:
    """A data directory on the command line, which the settings check; None if it is empty."""
    return None if environment.is_empty(text) else Path(text)


def parse_date_or_age(text: str) -> datetime:
    """A time on the command line: a date, a date with a time, or an age such as `30d`; in UTC.

    Raises:
        BadParameter: It is none of these.
    """
    found = parse_time(text.strip())
    if age := re.fullmatch(r"(\d{1,6})([hdw])", text.strip()):
        with suppress(OverflowError):
            found = datetime.now(UTC) - int(age[1]) * _UNITS[age[2]]
    if found is None:
        problem = f"{text!a} is neither a date (2026-01-31) nor an age (12h, 30d, 6w)"
        raise typer.BadParameter(problem)
    return found


def path_argument(description: str, metavar: str) -> Any:
    """An argument that `parse_path` reads, with a description for the help."""
    return typer.Argument(parser=parse_path, metavar=metavar, help=description, show_default=False)


def path_option(flag: str, metavar: str, description: str) -> Any:
    """An option that `parse_path` reads, with a description for the help."""
    return typer.Option(
        flag, parser=parse_path, metavar=metavar, help=description, show_default=False
    )


def data_dir_option(description: str) -> Any:
    """`--data-dir`, with a description for the help."""
    return typer.Option(
        "--data-dir",
        parser=parse_data_dir,
        metavar="DIRECTORY",
        help=description,
        show_default=False,
    )


DataDir = Annotated[Path | None, data_dir_option("Data directory [env: MCP_LEARNING_DATA_DIR]")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of an execution, or its beginning")]

# Filters of executions, the same for all commands that list them.
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
        parser=parse_date_or_age,
        metavar="WHEN",
        help="Only what was recorded since: 2026-01-31, or 12h, 30d, 6w ago",
        show_default=False,
    ),
]

CompareBy = Annotated[
    str, typer.Option("--by", help="approach, model_tier, pool_type or swarm_topology")
]
