"""Handling of SIGINT (Ctrl+C) before a command has opened anything, and in queries.

Importing runs callbacks of weak references. Python prints a KeyboardInterrupt that is raised in
one of them and goes on, so until the command has work to cancel, SIGINT ends the process at once.
"""

import os
import signal
from types import FrameType

STATUS = 128 + signal.SIGINT


def exit_on_interrupt() -> None:
    """Makes SIGINT end the process with one line and status 130, unless it is ignored.

    Call it on the main thread, while nothing is open that has to be closed.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def restore_interrupts() -> None:
    """Undoes `exit_on_interrupt`: SIGINT raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def is_interrupt(error: BaseException) -> bool:
    """Whether an error is a KeyboardInterrupt, or the one that DuckDB raises if it ends a query.

    That is a RuntimeError whose cause is the KeyboardInterrupt.
    """
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__cause__, KeyboardInterrupt)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"mcp-learning: interrupted\n")
    os._exit(STATUS)
