"""What the commands print and write, and options that they share."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mcp_learning.errors import LearningError

console = Console()

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines")]
Check = Annotated[bool, typer.Option("--check", help="Exit 1 when a target is missed")]
Quick = Annotated[bool, typer.Option("--quick", help="Fewer repetitions")]
Markdown = Annotated[
    Path | None,
    typer.Option("--markdown", help="Also write a page to this file", show_default=False),
]


def print_json(values: object) -> None:
    """Prints one JSON value on stdout."""
    console.file.write(json.dumps(values, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file, and the directories above it.

    Raises:
        LearningError: It can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LearningError(f"{path} can't be written: {error.strerror}") from error


def exit_unless(passed: bool, *, check: bool) -> None:
    """Ends the command with status 1 if a target was missed and `--check` was given.

    Raises:
        LearningError: That is the case.
    """
    if check and not passed:
        raise LearningError("a target was missed")
