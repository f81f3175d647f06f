"""Runs two calls concurrently."""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import anyio

from mcp_learning.errors import LearningError

T = TypeVar("T")
U = TypeVar("U")


async def both(
    first: Callable[[], Awaitable[T]], second: Callable[[], Awaitable[U]]
) -> tuple[T, U]:
    """Awaits both calls concurrently and returns their results.

    If both raise a `LearningError`, that of the first is raised, without an exception group.
    """
    done: list[tuple[T | U | None, LearningError | None]] = [(None, None), (None, None)]

    async def do(place: int, one: Callable[[], Awaitable[T | U]]) -> None:
        try:
            done[place] = (await one(), None)
        except LearningError as error:
            done[place] = (None, error)

    async with anyio.create_task_group() as group:
        group.start_soon(do, 0, first)
        group.start_soon(do, 1, second)
    for _, error in done:
        if error is not None:
            raise error
    return cast("T", done[0][0]), cast("U", done[1][0])
