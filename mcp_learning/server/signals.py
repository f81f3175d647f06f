"""What SIGINT and SIGTERM do.

Python runs a signal's handler on the main thread, when that comes back to the interpreter: a signal
that arrives just before a system call that waits is noticed only after it. So a thread of its own
waits for signals, on the socket to which the interpreter's C handler writes at once.
"""

import os
import signal
import socket
from collections.abc import Callable
from threading import Thread
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def on_signal(act: Callable[[], object]) -> None:
    """Calls `act` on a thread of its own at every SIGINT and SIGTERM from now on.

    To be called on the main thread.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)  # a C handler must not wait

    def wait() -> None:
        while reader.recv(1):
            act()

    Thread(target=wait, name="signals", daemon=True).start()
    before = signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in SIGNALS:  # after the socket, or one that arrives in between were lost
        signal.signal(number, _noted)
    if before != -1:
        os.close(before)


def leave_at_once() -> None:
    """Makes both signals end the process quietly, with status 0.

    For the first half second of a server, in which nothing can have been acknowledged.
    """
    on_signal(lambda: os._exit(0))


def leave_to_handlers() -> None:
    """Ends what `on_signal` does, for a library that has handlers of its own, such as uvicorn.

    Until those are in place, and when they are gone, a signal ends the process quietly.
    """
    for number in SIGNALS:
        signal.signal(number, lambda *_: os._exit(0))
    before = signal.set_wakeup_fd(-1)
    if before != -1:
        os.close(before)


def _noted(number: int, frame: FrameType | None) -> None:
    """Does nothing, but is no SIG_IGN, with which nothing would be written to the socket."""
