"""Two things at once, of which both have a result and may fail."""

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import anyio

from mcp_learning.errors import LearningError

T = TypeVar("T")
U = TypeVar("U")


async def both(
    first: Callable[[], Awaitable[T]], second: Callable[[], Awaitable[U]]
) -> tuple[T, U]:
    """Does two things at once; what the first one raises goes before what the second one does."""
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
