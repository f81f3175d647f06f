"""Progress bars on stderr, for commands that take long."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from mcp_learning.service import protocol


def progress_bar(*, quiet: bool) -> Progress:
    """A bar that disappears when it ends; none if it is `quiet` or stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    )


@contextmanager
def reported_progress(*, quiet: bool) -> Iterator[protocol.Progress]:
    """A bar, and the function by which the service moves it."""
    bar = progress_bar(quiet=quiet)
    task = bar.add_task("starting", total=1.0)

    async def report(share: float, message: str) -> None:
        bar.update(task, completed=share, description=message)

    with bar:
        yield report
