"""Parts of the service that are imported and made when they are first used."""

from collections.abc import Awaitable, Callable, Coroutine
from importlib import import_module
from typing import Any, Generic, ParamSpec, TypeVar

import anyio
import anyio.to_thread

Part = TypeVar("Part")
Given = ParamSpec("Given")
Done = TypeVar("Done")


class Lazy(Generic[Part]):
    """A part whose module is imported, on a thread, when it is first used.

    A server answers its first calls sooner without the modules that these don't need.

    Args:
        module: The name of its module.
        make: Makes the part, given the module.
        made: The part, if there is one already.
    """

    def __init__(self, module: str, make: Callable[[Any], Part], made: Part | None = None) -> None:
        self.made = made
        self._module = module
        self._make = make

    async def get(self) -> Part:
        """The part; the first call makes it."""
        if self.made is None:
            with anyio.CancelScope(shield=True):  # the part decides what a cancelled call does
                module = await anyio.to_thread.run_sync(import_module, self._module)
            if self.made is None:  # another caller may have waited for the same import
                self.made = self._make(module)
        return self.made

    def method(
        self, of: Callable[[Part], Callable[Given, Awaitable[Done]]]
    ) -> Callable[Given, Coroutine[Any, Any, Done]]:
        """The coroutine function that `of` takes from the part."""

        async def call(*args: Given.args, **kwargs: Given.kwargs) -> Done:
            return await of(await self.get())(*args, **kwargs)

        return call
