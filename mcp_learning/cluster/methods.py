"""The methods of `Learning` as values, and a proxy that turns each of them into one call.

Both are derived from the signatures of the protocol; a new method needs nothing here.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple, cast, get_type_hints

import anyio.to_thread
from pydantic import BaseModel

from mcp_learning import models
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.results import Recorded
from mcp_learning.redaction.exclusion import refuse_excluded
from mcp_learning.service import protocol
from mcp_learning.service.protocol import Learning, Progress


class Method(NamedTuple):
    """One method of `Learning`, with the models of its request, if it takes one, and its result."""

    name: str
    request: type[BaseModel] | None
    result: type[BaseModel]
    takes_progress: bool

    def arguments(self, request: BaseModel | None, progress: Progress) -> tuple[Any, ...]:
        """The arguments to call an implementation with."""
        given = () if self.request is None else (request,)
        return (*given, progress) if self.takes_progress else given


NAMES = frozenset(
    name for name, function in vars(Learning).items() if inspect.iscoroutinefunction(function)
)
"""The methods' names."""


_known: dict[str, Method] = {}


async def method_of(name: str) -> Method:
    """The method of a name that is in `NAMES`; imports its models at first."""
    if name not in _known:
        _known[name] = await anyio.to_thread.run_sync(_method, name)
    return _known[name]


def _method(name: str) -> Method:
    hints = get_type_hints(vars(Learning)[name], localns=_Models(vars(protocol)))
    return Method(name, hints.get("request"), hints["return"], "progress" in hints)


class _Models(dict[str, Any]):
    """Modules of models by name, and a model that is named as its module."""

    def __missing__(self, name: str) -> object:
        module = import_module(f"{models.__name__}.{name.lower()}")
        return module if name.islower() else getattr(module, name)


Call = Callable[..., Awaitable[Any]]
"""Answers a call: takes a method, its request and a `Progress`, the last two if there are any."""


def proxy(call: Call, leads: Callable[[], bool], excluded_repos: str) -> Learning:
    """A `Learning` whose methods are all answered by `call`, in this process or another.

    Args:
        call: Answers a call.
        leads: Whether calls are answered in this process.
        excluded_repos: Patterns of repositories whose records don't leave this process.
    """
    return cast("Learning", _Proxy(call, leads, excluded_repos))


class _Proxy:
    def __init__(self, call: Call, leads: Callable[[], bool], excluded_repos: str) -> None:
        self._call = call
        self._leads = leads
        self._excluded_repos = excluded_repos

    def __getattr__(self, name: str) -> Call:
        if name not in NAMES:
            raise AttributeError(name)
        return partial(self._ask, name)

    async def _ask(self, name: str, *arguments: Any) -> Any:
        return await self._call(await method_of(name), *arguments)

    async def record(self, request: RecordExecution) -> Recorded:
        """Passes `record` on with an id, so that a call that is repeated is stored once."""
        if self._excluded_repos and request.repo:
            await anyio.to_thread.run_sync(refuse_excluded, request.repo, self._excluded_repos)
        method = await method_of("record")
        if request.task_id is not None or self._leads():
            return cast("Recorded", await self._call(method, request))
        identified = request.model_copy(update={"task_id": uuid7()})
        recorded: Recorded = await self._call(method, identified)
        # A leader that went away may have stored it, and its successor found it there.
        return recorded.model_copy(update={"created": True})


def never_backwards(progress: Progress) -> Progress:
    """Passes on what advances: a call that is repeated begins again."""
    reached = 0.0

    async def advance(share: float, message: str) -> None:
        nonlocal reached
        if share >= reached:
            reached = share
            await progress(share, message)

    return advance
