"""A log that a stranger, or a failure that repeats itself, can neither fill nor forge."""

import logging
import time
from collections.abc import Callable

from mcp_learning.models.characters import visible


class OneLine(logging.Formatter):
    """Writes a message on one line, and nothing that hides or that controls a terminal.

    Tracebacks follow on lines of their own.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as it is written."""
        return visible(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as in logging
        """The part before a traceback."""
        record.message = " ".join(record.message.splitlines())
        return super().formatMessage(record)


class RepeatLimit(logging.Filter):
    """Drops records of one place in the code beyond `most` in `seconds` of the `clock`.

    The next one that passes tells how many were dropped. Records below INFO all pass: who asks for
    them wants them.
    """

    def __init__(
        self, most: int = 10, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._windows: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the record."""
        if record.levelno < logging.INFO:
            return True
        place = record.pathname, record.lineno
        now = self._clock()
        begin, seen = self._windows.get(place, (now, 0))
        if now - begin >= self._seconds:
            dropped = max(0, seen - self._most)
            begin, seen = now, 0
            if dropped:
                record.msg = f"{record.msg} ({dropped:,} more like this were left out before)"
        self._windows[place] = begin, seen + 1
        return seen < self._most


def is_worth_telling(record: logging.LogRecord) -> bool:
    """False for one error of anyio's Unix sockets that harms nobody.

    A future is cancelled in the turn of the event loop in which its socket turns out to be
    readable. The callback of the socket then sets a result that nobody waits for any more.
    """
    error = record.exc_info[1] if record.exc_info else None
    return (  # by name: commands that need no event loop don't import asyncio
        type(error).__name__ != "InvalidStateError"
        or record.name != "asyncio"
        or "Future.set_result(None)" not in record.getMessage()
    )


def is_not_raised(record: logging.LogRecord) -> bool:
    """Whether a record is about no error of the database, which ends a command in plain words."""
    return record.module != "opening"
