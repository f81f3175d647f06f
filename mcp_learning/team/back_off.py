"""Exponential back-off from a server that didn't answer."""

from collections.abc import Callable

import anyio

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 10.0
"""Seconds for which a server that didn't answer isn't queried; each pause doubles."""


class BackOff:
    """Exponential back-off: a pause after each failure, twice as long as the one before.

    Args:
        clock: Returns seconds.

    Attributes:
        reason: The failure that began the last pause; None: there was none.
    """

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._pause = FIRST_PAUSE
        self._until: float | None = None
        self.reason: str | None = None

    @property
    def pausing(self) -> bool:
        """Whether a pause is under way."""
        return self._until is not None and self._clock() < self._until

    def fail(self, reason: str) -> bool:
        """Begins a pause unless one is under way; returns whether it did."""
        if self.pausing:
            return False
        self._until, self.reason = self._clock() + self._pause, reason
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True

    def succeed(self) -> None:
        """Resets the length of the next pause."""
        self._pause = FIRST_PAUSE
