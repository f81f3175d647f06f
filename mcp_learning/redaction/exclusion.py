"""Excludes repositories by the patterns of `excluded_repos`, of this process and of the caller.

A pattern without wildcards names a repository, as `repositories.parse` reads it, or a directory
with all that is below. One with `*` or `?` is compared with every spelling of a repository, whole
and from each part to the end, and with those of the directories above it.

A call is checked against the patterns of the process that executes it, and against those of the
process that it came from, which are sent with it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from mcp_learning.errors import InvalidInput
from mcp_learning.models.folding import folded
from mcp_learning.redaction import working_copies
from mcp_learning.redaction.repositories import Repository, located, parse, with_home

_of_caller: ContextVar[str] = ContextVar("excluded_repos_of_caller", default="")
_WILDCARDS = frozenset("*?")
_QUESTION_MARK = "\ue000"  # replaces the wildcard, which would begin the query part of a URL


class _Pattern(NamedTuple):
    """One pattern.

    Attributes:
        named: Without wildcards: the repositories that it names.
        text: With wildcards: the pattern for spellings with a host.
        without_host: The same for spellings of repositories whose host is unknown.
    """

    named: tuple[Repository, ...] = ()
    text: str = ""
    without_host: str = ""

    def fits(self, one: Repository) -> bool:
        """Whether the pattern matches a repository."""
        if self.named:
            return any(named.is_same(one) for named in self.named)
        text = self.text if one.host else self.without_host
        return any(fnmatchcase(spelling, text) for spelling in one.spellings())


@contextmanager
def excluded_by_caller(patterns: str) -> Iterator[None]:
    """Adds the patterns of the calling process while its call is executed."""
    token = _of_caller.set(patterns)
    try:
        yield
    finally:
        _of_caller.reset(token)


def excluded_repos(own: str) -> str:
    """The patterns of this process and, while a call is executed, of its caller."""
    caller = _of_caller.get()
    return f"{own},{caller}" if caller and caller != own else own


def is_excluded(repo: str | None, excluded: str, known_as: Sequence[str] = ()) -> bool:
    """Whether a repository is excluded. Blocks if `repo` is a directory: git's files are read.

    Args:
        repo: An address, a name or a path.
        excluded: Patterns, separated by commas.
        known_as: Further spellings. With any, a `repo` of one part is ignored, since it was derived
            from them.
    """
    patterns = _patterns(excluded, with_home("~"))
    if not patterns:
        return False
    given = [*known_as]
    if repo is not None and not (known_as and len(parse(repo).parts) == 1):
        given.append(repo)
        if parse(repo).is_directory or repo.strip().startswith("."):
            given += working_copies.spellings(repo.strip())
    return any(_is_named(with_home(one), patterns) for one in given)


def is_shared(patterns: str, repo: str | None) -> bool:
    """Whether a repository matches the patterns of shared ones; blocks as `is_excluded`."""
    return repo is not None and is_excluded(repo, patterns)


def refuse_excluded(repo: str | None, excluded: str) -> None:
    """Refuses an excluded repository; arguments as for `is_excluded`.

    Raises:
        InvalidInput: It is excluded.
    """
    if is_excluded(repo, excluded):
        raise InvalidInput(
            "repo",
            "the user keeps this repository out of the learning database (excluded_repos); "
            "nothing was stored: don't record its tasks, also not without repo",
        )


@lru_cache(4_096)
def _is_named(spelling: str, patterns: tuple[_Pattern, ...]) -> bool:
    known = {located(spelling), parse(spelling)}
    candidates = {part for one in known for part in one.within()}
    return any(pattern.fits(one) for pattern in patterns for one in candidates)


@lru_cache(64)
def _patterns(excluded: str, home: str) -> tuple[_Pattern, ...]:
    """The patterns of a comma-separated list, which may depend on the home directory, `home`."""
    return tuple(_pattern(text) for part in excluded.split(",") if (text := part.strip()))


def _pattern(text: str) -> _Pattern:
    if not _WILDCARDS & set(text):
        named = {parse(text), located(text)}
        if parse(text).is_directory:
            named.add(located(os.path.realpath(with_home(text))))
        return _Pattern(named=tuple(one for one in named if one.parts))
    one = located(text.replace("?", _QUESTION_MARK))
    whole = next(one.spellings(), folded(text)).replace("[", "[[]").replace(_QUESTION_MARK, "?")
    path = whole.removeprefix(f"{one.host}/") if one.host else whole
    return _Pattern(text=whole, without_host=path)
