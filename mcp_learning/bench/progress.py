"""Progress of long work on stderr: a bar on a terminal, otherwise one line a step."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from mcp_learning.synthetic.loading import Progress


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[Progress]:
    """Yields a function that shows what is being done, how much is done, and of how much.

    Args:
        quiet: Show nothing, for output that a machine reads.
    """
    terminal = Console(stderr=True)
    if quiet or not terminal.is_terminal:
        yield _lines(terminal, quiet=quiet)
        return
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=terminal,
        transient=True,
    )
    with bars:
        bar = bars.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(bar, description=what, completed=done, total=total)

        yield show


def _lines(terminal: Console, *, quiet: bool) -> Progress:
    """Prints each step once, with the time at which it began."""
    last = ""

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        if what != last and not quiet:
            terminal.print(f"{time.strftime('%H:%M:%S')} {what}", markup=False, highlight=False)
        last = what

    return show
