"""What SIGINT and SIGTERM do before there is anything to close."""

import os
import signal


def leave_at_once() -> None:
    """Makes both signals end the process quietly, with status 0.

    For the first half second of a server, in which nothing can have been acknowledged.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
