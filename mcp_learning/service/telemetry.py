"""How a leader does: how long recent calls took, and what happened that is worth knowing.

Both are kept in memory, some of the latest: they begin anew when another process takes over.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from mcp_learning.models.dashboard import Event, Latency, Vitals

RECENT = 512
"""Calls of each method that percentiles are of."""

MOST_EVENTS = 100

TOOLS = {
    "record": "record_execution",
    "find": "find_similar_tasks",
    "recommend": "recommend_approach",
    "feedback": "submit_feedback",
    "get": "get_execution",
    "stats": "learning_stats",
    "rebuild": "rebuild_index",
    "forget": "forget_executions",
}
"""Tools by the method of the service that answers them; other methods are not measured."""

_PACKAGE = __name__.partition(".")[0]


@dataclass
class _Calls:
    total: int = 0
    failed: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))


class Journal(logging.Handler):
    """The latest events: what the package logs, from INFO on, and what it is told."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)

    @property
    def events(self) -> list[Event]:
        """The latest first."""
        with self.lock or threading.Lock():
            return list(reversed(self._events))

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a log record: one line, without a traceback."""
        level: Literal["info", "warning", "error"] = "info"
        if record.levelno >= logging.WARNING:
            level = "error" if record.levelno >= logging.ERROR else "warning"
        text = record.getMessage().partition("\n")[0]
        self._events.append(Event(at=datetime.now(UTC), level=level, text=text))

    def note(self, text: str) -> None:
        """Keeps an event that isn't logged."""
        with self.lock or threading.Lock():
            self._events.append(Event(at=datetime.now(UTC), level="info", text=text))


class Recorder:
    """Latencies and events of one leader; a call takes a microsecond to note."""

    def __init__(self) -> None:
        self.journal = Journal()
        self._calls: dict[str, _Calls] = {}

    def start(self) -> None:
        """Begins to keep what the package logs."""
        logging.getLogger(_PACKAGE).addHandler(self.journal)

    def stop(self) -> None:
        """Ends that."""
        logging.getLogger(_PACKAGE).removeHandler(self.journal)

    def note(self, method: str, seconds: float, *, failed: bool) -> None:
        """Notes how long a call took; methods that are no tool's are left out."""
        if method not in TOOLS:
            return
        calls = self._calls.setdefault(method, _Calls())
        calls.total += 1
        calls.failed += failed
        calls.seconds.append(seconds)

    def vitals(self) -> Vitals:
        """All of it, methods in the order of `TOOLS`."""
        return Vitals(
            latencies=[
                _latency(method, self._calls[method]) for method in TOOLS if method in self._calls
            ],
            events=self.journal.events,
        )


def _latency(method: str, calls: _Calls) -> Latency:
    ordered = sorted(1000 * seconds for seconds in calls.seconds)

    def percentile(share: float) -> float:
        """By the nearest rank."""
        return round(ordered[max(0, -int(-share * len(ordered) // 1) - 1)], 3)

    return Latency(
        method=method,
        tool=TOOLS[method],
        calls=calls.total,
        failed=calls.failed,
        recent=len(ordered),
        p50_ms=percentile(0.50),
        p95_ms=percentile(0.95),
        p99_ms=percentile(0.99),
        longest_ms=round(ordered[-1], 3),
    )
