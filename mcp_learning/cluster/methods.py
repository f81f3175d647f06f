"""The methods of `Learning` as data, and a proxy that sends each of them to one function.

Both are derived from the signatures of the protocol, so a new method needs no change here.
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
    """One method of `Learning`: the models of its request (None: it takes none) and its result."""

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
"""Names of the methods."""


_known: dict[str, Method] = {}


async def method_of(name: str) -> Method:
    """The method of a name in `NAMES`; the first call of each imports its models, on a thread."""
    if name not in _known:
        _known[name] = await anyio.to_thread.run_sync(_method, name)
    return _known[name]


def _method(name: str) -> Method:
    hints = get_type_hints(vars(Learning)[name], localns=_Models(vars(protocol)))
    return Method(name, hints.get("request"), hints["return"], "progress" in hints)


class _Models(dict[str, Any]):
    """Resolves names in annotations: modules of models, and a model named like its module."""

    def __missing__(self, name: str) -> object:
        module = import_module(f"{models.__name__}.{name.lower()}")
        return module if name.islower() else getattr(module, name)


Call = Callable[..., Awaitable[Any]]
"""Answers a call, given a method and, if the method takes them, its request and a `Progress`."""


def proxy(call: Call, leads: Callable[[], bool], excluded_repos: str) -> Learning:
    """A `Learning` whose methods are all answered by `call`, in this process if it `leads`.

    Records of `excluded_repos` don't leave this process.
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
        """Gives a record its id before sending it, so that a repeated call stores it once."""
        if self._excluded_repos and request.repo:
            await anyio.to_thread.run_sync(refuse_excluded, request.repo, self._excluded_repos)
        method = await method_of("record")
        if request.task_id is not None or self._leads():
            return cast("Recorded", await self._call(method, request))
        identified = request.model_copy(update={"task_id": uuid7()})
        recorded: Recorded = await self._call(method, identified)
        # A leader that ended may have stored it before, so its successor reports an update.
        return recorded.model_copy(update={"created": True})


def monotonic(progress: Progress) -> Progress:
    """A `Progress` that never goes back, though a repeated call starts again at 0."""
    reached = 0.0

    async def advance(share: float, message: str) -> None:
        nonlocal reached
        if share >= reached:
            reached = share
            await progress(share, message)

    return advance
