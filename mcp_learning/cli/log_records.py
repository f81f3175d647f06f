"""Formatter and filters of the log: one line per record, no control characters, limited repeats."""

import logging
import time
from collections.abc import Callable

from mcp_learning.models.characters import visible


class OneLineFormatter(logging.Formatter):
    """Writes a message on one line, without invisible and control characters.

    A traceback follows on further lines.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The formatted record."""
        return visible(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as in logging
        """The part before a traceback."""
        record.message = " ".join(record.message.splitlines())
        return super().formatMessage(record)


class RepeatLimit(logging.Filter):
    """Drops records of one line of code beyond `most` within `seconds`.

    The next record that passes says how many were dropped. Records below INFO always pass.
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


def is_no_socket_race(record: logging.LogRecord) -> bool:
    """False for a harmless error of anyio's Unix sockets.

    If a future is cancelled in the same iteration of the event loop in which its socket becomes
    readable, the socket's callback sets the result of a future that is already done.
    """
    error = record.exc_info[1] if record.exc_info else None
    return (  # compared by name: commands without an event loop don't import asyncio
        type(error).__name__ != "InvalidStateError"
        or record.name != "asyncio"
        or "Future.set_result(None)" not in record.getMessage()
    )


def is_no_database_error(record: logging.LogRecord) -> bool:
    """False for errors of the database, which the command reports itself."""
    return record.module != "opening"
