"""Detects the lines that a forked session of Codex repeats from the other session."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

_BURST = timedelta(seconds=1)  # in which all repeated lines are written


class RepeatedLines:
    """Lines of another session at the beginning of this one.

    They are all written at once. Ids of turns and of sessions begin with their time (UUID version
    7): turns that began before this session are repeated. Without such ids, lines are repeated that
    were written within a second of the first one.
    """

    def __init__(self, session: str, began: datetime | None) -> None:
        self._session = _milliseconds(session)
        self._began = began
        self._is_over = False

    def has(self, payload: dict[str, Any], at: datetime | None) -> bool:
        """Whether a line with this payload and time is a repeated one."""
        if self._is_over:
            return False
        turn = _milliseconds(payload.get("turn_id"))
        if turn is not None and self._session is not None:
            self._is_over = turn >= self._session
        elif at is not None and self._began is not None:
            self._is_over = at - self._began > _BURST or at < self._began - _BURST
        return not self._is_over


def _milliseconds(value: object) -> int | None:
    """The time in a UUID of version 7; None for anything else."""
    try:
        found = UUID(str(value))
    except ValueError:
        return None
    return found.int >> 80 if found.version == 7 else None
