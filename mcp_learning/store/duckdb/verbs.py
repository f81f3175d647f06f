"""Makes verbs of a store out of functions of a cursor."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from mcp_learning.store.duckdb.connection import Cursor, Database

P = ParamSpec("P")
T = TypeVar("T")

Verb = Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]
"""A method with the parameters of the function that follow its cursor."""


class _OnDatabase(Protocol):
    database: Database


def reads(fn: Callable[Concatenate[Cursor, P], T]) -> Verb[P, T]:
    """The verb that returns what a function reads."""

    async def verb(self: _OnDatabase, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.database.read(lambda cursor: fn(cursor, *args, **kwargs))

    return verb


def writes(fn: Callable[Concatenate[Cursor, P], T], *, counted: bool = True) -> Verb[P, T]:
    """The verb that runs a function in a transaction; `counted`: it adds to `Database.commits`."""

    async def verb(self: _OnDatabase, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.database.write(
            lambda cursor: fn(cursor, *args, **kwargs), counted=lambda _: counted
        )

    return verb
