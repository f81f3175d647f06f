"""A DuckDB connection that says where it must not be used."""

import asyncio
import sys
from typing import Any

STORE = "mcp_learning.store."
"""Beginning of the names of the modules that may use a cursor."""


class OnTheLoopError(AssertionError):
    """Raised where something that blocks was called on the event loop."""


class OutsideTheStoreError(AssertionError):
    """Raised where a cursor was used by a module outside the store."""


class Watched:
    """A DuckDB connection that refuses to be used on an event loop, or outside the store."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        refuse_on_the_loop(name)
        _refuse_outside_the_store(name, sys._getframe(1).f_globals["__name__"])
        value = getattr(self._connection, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            return Watched(result) if name in ("cursor", "execute") else result

        return call

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def refuse_on_the_loop(what: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise OnTheLoopError(f"{what} was called on the event loop")


def _refuse_outside_the_store(what: str, module: str) -> None:
    if module.startswith("mcp_learning.") and not f"{module}.".startswith(STORE):
        raise OutsideTheStoreError(f"{what} was called by {module}")
