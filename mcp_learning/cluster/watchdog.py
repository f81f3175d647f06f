"""Ends a leader whose event loop stands still: its lock goes to a process that can lead.

What was acknowledged is committed, and calls in flight are repeated elsewhere. A process that was
stopped is another matter: its watchdog stands still as well, and it goes on where it was.
"""

import faulthandler
import logging
import os
import sys
import threading
from contextlib import suppress

import anyio

logger = logging.getLogger(__name__)

TICK = 1.0
"""Seconds between two looks at the loop."""

MOST_MISSED = 10
"""Looks in a row without a sign of life from the loop: nothing that blocks may run on it."""

STATUS = 75
"""Exit status of a process that was ended: a temporary failure, as sysexits.h has it."""


class Watchdog:
    """Watches the event loop that `run` runs on."""

    def __init__(self) -> None:
        self._beats = 0
        self._over = threading.Event()

    async def run(self) -> None:
        """Watches until it is cancelled."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        try:
            while True:
                self._beats += 1
                await anyio.sleep(TICK / 2)
        finally:
            self._over.set()

    def _watch(self) -> None:
        missed, seen = 0, -1
        while not self._over.wait(TICK):
            missed = 0 if self._beats != seen else missed + 1
            seen = self._beats
            if missed >= MOST_MISSED:
                _end()


def _end() -> None:
    logger.critical(
        "this server has stood still for %.0f s and ends, so that another can take over; "
        "where it stood:",
        TICK * MOST_MISSED,
    )
    with suppress(OSError, ValueError):  # no stderr to write to
        faulthandler.dump_traceback(sys.stderr)
    os._exit(STATUS)
