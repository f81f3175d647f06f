"""The commits of a repository, as they are read from git or from the shipped sample."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

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
        functions: What it changed in them, as far as that is known.
    """

    hash: str
    committed_at: str
    subject: str
    body: str
    files: tuple[str, ...] | None
    functions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class CommitHistory:
    """Commits of one repository, oldest first, and the directories and addresses that it has."""

    name: str
    commits: tuple[Commit, ...]
    known_as: tuple[str, ...] = ()

    @property
    def has_files(self) -> bool:
        """Whether it is known which files the commits touched."""
        return all(commit.files is not None for commit in self.commits)


def is_test(path: str) -> bool:
    """Whether a file is a test, by its name or directory."""
    return _TESTS.search(path) is not None


def is_code(path: str) -> bool:
    """Whether a file is code that isn't a test; texts, data and settings are none."""
    return not (_TESTS.search(path) or _TEXTS.search(path))
