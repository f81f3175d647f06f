"""Reads the rows of a damaged file by bisection: those that can be read, and those that can't."""

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


def read_in_parts(
    read: Callable[[int, int], list[R]],
    first: int,
    last: int,
    *,
    smallest: int,
    most_failures: int | None = None,
) -> Iterator[Batch[R]]:
    """Reads the rows `first` to `last`, bisecting ranges that can't be read.

    Args:
        read: Returns a range of rows, or raises StoreError.
        first: Number of the first row.
        last: Number of the last row.
        smallest: A range of fewer rows that can't be read isn't divided.
        most_failures: Number of failed reads after which no range is divided; None: no limit.
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
