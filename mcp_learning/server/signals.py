"""Handles SIGINT and SIGTERM on a separate thread.

Python runs signal handlers on the main thread between bytecodes, so a signal that arrives just
before a blocking system call is handled only after it. The thread waits on the socket to which the
interpreter's C handler writes at once (`signal.set_wakeup_fd`).
"""

import os
import signal
import socket
from collections.abc import Callable
from threading import Thread
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def on_signal(act: Callable[[], object]) -> None:
    """Calls `act` on a separate thread at every SIGINT and SIGTERM from now on.

    Call this on the main thread.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)  # a C handler must not wait

    def wait() -> None:
        while reader.recv(1):
            act()

    Thread(target=wait, name="signals", daemon=True).start()
    before = signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in SIGNALS:  # last, so that no signal is lost before the socket exists
        signal.signal(number, _noted)
    if before != -1:
        os.close(before)


def leave_at_once() -> None:
    """Makes both signals end the process quietly, with status 0.

    For the first half second of a server, in which nothing can be acknowledged yet.
    """
    on_signal(lambda: os._exit(0))


def leave_to_handlers() -> None:
    """Undoes `on_signal`, for a library with its own handlers, such as uvicorn.

    Before these are set, and after they are removed, a signal ends the process quietly.
    """
    for number in SIGNALS:
        signal.signal(number, lambda *_: os._exit(0))
    before = signal.set_wakeup_fd(-1)
    if before != -1:
        os.close(before)


def _noted(number: int, frame: FrameType | None) -> None:
    """Does nothing; unlike with SIG_IGN, the signal is written to the socket."""
