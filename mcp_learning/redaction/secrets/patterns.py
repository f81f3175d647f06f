"""Regular expressions that are compiled at their first use."""

import re
from functools import cached_property
from typing import Any, cast


class _CompiledOnUse:
    """Has the methods of the compiled pattern."""

    def __init__(self, source: str, flags: re.RegexFlag) -> None:
        self._source, self._flags = source, flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self._source, self._flags)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.compiled, name)
        setattr(self, name, method)  # from now on it is found without this
        return method


_all: list[_CompiledOnUse] = []


def pattern(source: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """As `re.compile`, but compiled at the first use.

    Of hundreds of patterns a text needs few. To compile all of them takes 50 ms, in which no other
    thread of the interpreter gets on.
    """
    one = _CompiledOnUse(source, flags)
    _all.append(one)
    return cast("re.Pattern[str]", one)


def compile_all() -> None:
    """Compiles every pattern, so that no later text waits for it."""
    for one in _all:
        one.compiled  # noqa: B018
