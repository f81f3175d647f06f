"""What Ctrl+C does while a command has nothing to put in order.

Importing runs callbacks of weak references, and Python only prints a KeyboardInterrupt that is
raised in one of them: the command would go on. So until a command works, SIGINT ends the process.
"""

import os
import signal
from types import FrameType

STATUS = 128 + signal.SIGINT


def end_at_once() -> None:
    """Makes SIGINT end the process with one line and status 130, unless it is ignored.

    To be called on the main thread, while nothing is open that has to be closed.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """Ends what `end_at_once` does: SIGINT raises KeyboardInterrupt again."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"mcp-learning: interrupted\n")
    os._exit(STATUS)
