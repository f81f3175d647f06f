"""Regular expressions that are compiled at their first use."""

import re
from functools import cached_property
from typing import Any, cast


class _CompiledOnUse:
    """Compiles the pattern when a method is first used; has the methods of a compiled pattern."""

    def __init__(self, source: str, flags: re.RegexFlag) -> None:
        self._source, self._flags = source, flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self._source, self._flags)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.compiled, name)
        setattr(self, name, method)  # later look-ups don't call __getattr__
        return method


_all: list[_CompiledOnUse] = []


def pattern(source: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """As `re.compile`, but compiled at the first use.

    A text needs few of the hundreds of patterns. Compiling all of them takes 50 ms, during which no
    other thread of the interpreter runs.
    """
    one = _CompiledOnUse(source, flags)
    _all.append(one)
    return cast("re.Pattern[str]", one)


def compile_all() -> None:
    """Compiles every pattern, so that no text has to wait for it."""
    for one in _all:
        one.compiled  # noqa: B018
