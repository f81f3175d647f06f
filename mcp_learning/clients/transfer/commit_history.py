"""The commits of a repository, read from git or from the bundled sample."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mcp_learning.clients.values import parse_time

_TESTS = re.compile(
    r"(^|/)(tests?|testing|specs?|__tests__|e2e)/|(^|/)(test_[^/]*|conftest\.py)$"
    r"|[._-](test|tests|spec)\.\w+$|Tests?\.\w+$"
)
_TEXTS = re.compile(
    r"(^|/)(docs?|changelog|news|licenses?)(/|$)|(^|/)\.[^/]+|\.(md|rst|txt|adoc|lock|toml|ya?ml|json|cfg"
    r"|ini|svg|png|gif|jpe?g|ipynb)$|(^|/)(LICENSE|CHANGELOG|README|AUTHORS|Dockerfile|Makefile)[^/]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Commit:
    """One commit, not a merge.

    Attributes:
        hash: Hexadecimal, in full.
        committed_at: ISO 8601 with offset.
        subject: First line of the message; may be empty.
        body: The rest of the message; may be empty.
        files: Paths that it touched, from the root of the repository; None if unknown.
        functions: Names of changed functions by path, where known.
    """

    hash: str
    committed_at: str
    subject: str
    body: str
    files: tuple[str, ...] | None
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class CommitHistory:
    """Commits of one repository, oldest first; `known_as` are its directories and addresses."""

    name: str
    commits: tuple[Commit, ...]
    known_as: tuple[str, ...] = ()

    @property
    def has_files(self) -> bool:
        """Whether the files of all commits are known."""
        return all(commit.files is not None for commit in self.commits)

    @property
    def until(self) -> datetime | None:
        """Time of the last commit, UTC, up to which the history is known; None: none has a time.

        The clock of an earlier commit may have been wrong, so this is not the maximum.
        """
        times = (parse_time(commit.committed_at) for commit in reversed(self.commits))
        return next(filter(None, times), None)


def is_test(path: str) -> bool:
    """Whether a path is that of a test."""
    return _TESTS.search(path) is not None


def is_code(path: str) -> bool:
    """Whether a path is that of code other than tests; texts, data and settings don't count."""
    return not (_TESTS.search(path) or _TEXTS.search(path))
