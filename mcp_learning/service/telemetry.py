"""Telemetry of a leader: latencies of recent calls, and events from the package's log.

Both are bounded and in memory only; another process that takes over begins with none.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from mcp_learning.models.telemetry import CallStep, Event, Latency, Telemetry

RECENT = 512  # calls of each method whose latencies are kept for percentiles
STEP_SECONDS = 300  # length of the steps by which calls are counted
MOST_STEPS = 288  # most steps with calls that are kept: those of at least a day

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
"""Tools by the service's method that answers them; other methods are not measured."""

_PACKAGE = __name__.partition(".")[0]


@dataclass
class _Calls:
    total: int = 0
    failed: int = 0
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))


class Journal(logging.Handler):
    """The latest events: log records of the package from INFO on, and notes."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._events: deque[Event] = deque(maxlen=MOST_EVENTS)

    @property
    def events(self) -> list[Event]:
        """The events, latest first."""
        with self.lock or threading.Lock():
            return list(reversed(self._events))

    def emit(self, record: logging.LogRecord) -> None:
        """Adds the first line of a log record as an event, without its traceback."""
        level: Literal["info", "warning", "error"] = "info"
        if record.levelno >= logging.WARNING:
            level = "error" if record.levelno >= logging.ERROR else "warning"
        text = record.getMessage().partition("\n")[0]
        self._events.append(Event(at=datetime.now(UTC), level=level, text=text))

    def note(self, text: str) -> None:
        """Adds an event that isn't logged."""
        with self.lock or threading.Lock():
            self._events.append(Event(at=datetime.now(UTC), level="info", text=text))


class Recorder:
    """Records the latencies and events of one leader, at a microsecond per call."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.journal = Journal()
        self._now = now
        self._calls: dict[str, _Calls] = {}
        self._steps: deque[CallStep] = deque(maxlen=MOST_STEPS)
        self._step, self._in_step = 0, _Calls()

    def start(self) -> None:
        """Begins to record events from the package's log."""
        logging.getLogger(_PACKAGE).addHandler(self.journal)

    def stop(self) -> None:
        """Stops recording events."""
        logging.getLogger(_PACKAGE).removeHandler(self.journal)

    def note(self, method: str, seconds: float, *, failed: bool) -> None:
        """Records how long a call took, if its method answers a tool."""
        if method not in TOOLS:
            return
        step = int(self._now()) // STEP_SECONDS
        if step != self._step:
            self._close_step()
            self._step = step
        for calls in (self._calls.setdefault(method, _Calls()), self._in_step):
            calls.total += 1
            calls.failed += failed
            calls.seconds.append(seconds)

    def snapshot(self) -> Telemetry:
        """The recorded telemetry, with methods in the order of `TOOLS`."""
        return Telemetry(
            latencies=[
                _latency(method, self._calls[method]) for method in TOOLS if method in self._calls
            ],
            events=self.journal.events,
            steps=[*self._steps, *self._open_step()],
        )

    def _close_step(self) -> None:
        self._steps.extend(self._open_step())
        self._in_step = _Calls()

    def _open_step(self) -> list[CallStep]:
        """The current step, if it has calls."""
        calls = self._in_step
        if not calls.total:
            return []
        ordered = _ordered(calls.seconds)
        return [
            CallStep(
                start=datetime.fromtimestamp(self._step * STEP_SECONDS, UTC),
                calls=calls.total,
                failed=calls.failed,
                p50_ms=_percentile(ordered, 0.50),
                p95_ms=_percentile(ordered, 0.95),
            )
        ]


def _latency(method: str, calls: _Calls) -> Latency:
    ordered = _ordered(calls.seconds)
    return Latency(
        method=method,
        tool=TOOLS[method],
        calls=calls.total,
        failed=calls.failed,
        recent=len(ordered),
        p50_ms=_percentile(ordered, 0.50),
        p95_ms=_percentile(ordered, 0.95),
        p99_ms=_percentile(ordered, 0.99),
        longest_ms=round(ordered[-1], 3),
    )


def _ordered(seconds: Iterable[float]) -> list[float]:
    """Sorted durations in milliseconds."""
    return sorted(1000 * one for one in seconds)


def _percentile(ordered: list[float], share: float) -> float:
    """A percentile by the nearest-rank method."""
    return round(ordered[max(0, -int(-share * len(ordered) // 1) - 1)], 3)
