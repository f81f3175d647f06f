"""Progress bars, on stderr; stdout is for results only."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mcp_learning.cli.verbosity import verbosity

if TYPE_CHECKING:
    from mcp_learning.service import protocol

ShowCount = Callable[[str, int, int], None]
"""Called with the name of the step, how much of it is done, and the total."""


def progress_bar(*, quiet: bool, counts: bool = False) -> Progress:
    """A bar that disappears at the end; disabled if `quiet`, or if stderr is no terminal.

    With `counts` it shows done/total instead of the elapsed time.
    """
    terminal = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn() if counts else TimeElapsedColumn(),
        console=terminal,
        transient=True,
        disable=quiet or verbosity.quiet or not terminal.is_terminal,
    )


@contextmanager
def reported_progress(*, quiet: bool) -> Iterator["protocol.Progress"]:
    """Shows a bar, and yields the callback by which the service reports its progress."""
    bar = progress_bar(quiet=quiet)
    task = bar.add_task("starting", total=1.0)

    async def report(share: float, message: str) -> None:
        bar.update(task, completed=share, description=message)

    with bar:
        yield report


@contextmanager
def counted_progress(*, quiet: bool, begin: str = "starting") -> Iterator[ShowCount]:
    """Shows a bar with counts, labelled `begin` at first, and yields the callback that moves it."""
    bar = progress_bar(quiet=quiet, counts=True)
    task = bar.add_task(begin, total=None)

    def show(what: str, done: int, total: int) -> None:
        bar.update(task, description=what, completed=done, total=total)

    with bar:
        yield show


@contextmanager
def logged_progress(*, quiet: bool) -> Iterator[ShowCount]:
    """As `counted_progress`; if stderr is no terminal, prints each step with its start time."""
    terminal = Console(stderr=True)
    if quiet or verbosity.quiet or terminal.is_terminal:
        with counted_progress(quiet=quiet) as show:
            yield show
        return
    last = ""

    def print_step(what: str, done: int, total: int) -> None:
        nonlocal last
        if what != last:
            terminal.print(f"{time.strftime('%H:%M:%S')} {what}", markup=False, highlight=False)
        last = what

    yield print_step
