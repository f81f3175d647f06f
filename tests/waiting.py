"""Waiting for a state that nothing announces. Where there is an event, tests wait for that."""

import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable

import anyio

DEADLINE = 60.0
"""Seconds; far more than anything takes."""

_PAUSE = 0.01


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Returns once the condition holds, and fails after `DEADLINE`."""
    with anyio.fail_after(DEADLINE):
        while True:
            holds = condition()
            if await holds if isawaitable(holds) else holds:
                return
            await anyio.sleep(_PAUSE)


def wait_until(condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
    """As `until`, where no event loop runs."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(_PAUSE)
