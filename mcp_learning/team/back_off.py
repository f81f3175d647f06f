"""BackOff: when a server that didn't answer is asked again."""

from collections.abc import Callable

import anyio

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds for which a server that didn't answer is not asked again: twice as long each time."""


class BackOff:
    """Exponential back-off: after each failure a pause, twice as long as the one before.

    Args:
        clock: Seconds from any point in time.

    Attributes:
        reason: Why the last pause began; None: there was none.
    """

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._until: float | None = None
        self.reason: str | None = None

    @property
    def pausing(self) -> bool:
        """Whether a pause has begun and isn't over."""
        return self._until is not None and self._clock() < self._until

    def fail(self, reason: str) -> bool:
        """Begins a pause, unless one has begun; whether it did."""
        if self.pausing:
            return False
        self._until, self.reason = self._clock() + self._pause, reason
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True

    def succeed(self) -> None:
        """Makes the next pause the first again."""
        self._pause = FIRST_PAUSE
