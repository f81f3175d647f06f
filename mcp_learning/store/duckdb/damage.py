"""Reading rows of which some can't be read: what can be, and what is given up."""

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from mcp_learning.errors import StoreError

R = TypeVar("R")


class Batch(NamedTuple, Generic[R]):
    """Rows `first` to `last` by their numbers; `rows` is None if they can't be read."""

    first: int
    last: int
    rows: list[R] | None
    reason: str = ""


def divided(
    read: Callable[[int, int], list[R]],
    first: int,
    last: int,
    *,
    smallest: int,
    most_failures: int | None = None,
) -> Iterator[Batch[R]]:
    """Rows `first` to `last`, in parts of which each can be read as a whole, or not.

    A part that can't be read is halved, unless it has at most `smallest` rows, or more reads have
    failed than may.
    """
    failures, parts = 0, [(first, last)]
    while parts:
        start, end = parts.pop()
        try:
            rows = read(start, end)
        except StoreError as error:
            failures += 1
            too_many = most_failures is not None and failures > most_failures
            if end - start < smallest or too_many:
                yield Batch(start, end, None, str(error))
            else:
                middle = (start + end) // 2
                parts += [(middle + 1, end), (start, middle)]
        else:
            yield Batch(start, end, rows)
