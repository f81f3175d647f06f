"""A watchdog that ends a leader whose event loop is blocked, so that another process can lead.

Acknowledged writes are committed, and followers repeat the calls that were in flight. A process
that was stopped (SIGSTOP) isn't ended: its watchdog thread is stopped, too.
"""

import faulthandler
import logging
import os
import sys
import threading
from contextlib import suppress

import anyio

logger = logging.getLogger(__name__)

STATUS = 75  # exit status of a process that was ended: a temporary failure, as sysexits.h has it


class Watchdog:
    """Watches the event loop on which `run` runs.

    When `max_missed` checks in a row, `interval` seconds apart, find no progress, the process ends.
    """

    def __init__(self, interval: float, max_missed: int) -> None:
        self._interval = interval
        self._max_missed = max_missed
        self._ticks = 0
        self._stopped = threading.Event()

    async def run(self) -> None:
        """Watches until it is cancelled."""
        try:
            threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        except RuntimeError as error:  # for lack of memory
            logger.warning(
                "the watchdog can't run; a hang of this server won't be noticed: %s", error
            )
            return
        try:
            while True:
                self._ticks += 1
                await anyio.sleep(self._interval)  # a tick that is late is one missed check
        finally:
            self._stopped.set()

    def _watch(self) -> None:
        missed, seen = 0, -1
        while not self._stopped.wait(self._interval):
            missed = 0 if self._ticks != seen else missed + 1
            seen = self._ticks
            if missed >= self._max_missed:
                self._end_process()

    def _end_process(self) -> None:
        logger.critical(
            "this server has hung for %.0f s and ends, so that another can take over; it hung in:",
            self._interval * self._max_missed,
        )
        with suppress(OSError, ValueError):  # no stderr to write to
            faulthandler.dump_traceback(sys.stderr)
        os._exit(STATUS)
