"""Infers the type of a task from commits and changed files, and otherwise from the request."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from mcp_learning.clients.transcripts import wording
from mcp_learning.clients.transcripts.events import ToolCall
from mcp_learning.clients.transcripts.sessions import Task

_PREFIX = re.compile(r"(\w+)(?:\([^()]*\))?!?: ")
_PREFIXES = {
    **{name: name for name in ("docs", "test", "refactor", "build", "ci")},
    **dict.fromkeys(("fix", "bugfix", "hotfix"), "bug_fix"),
    "feat": "feature",
    "perf": "performance",
    "style": "refactor",
}
_LOOKED_AT = 1_000  # characters of a prompt that are searched for words
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|specs?(?!/.*\.mdx?$|/\d+-)|__tests__|testdata|fixtures|e2e)/"
    r"|(?:^|/)(?:test_[^/]+|conftest\.py|[^/]+[._-](?:test|tests|spec)s?\.\w+|[^/]+Tests?\.\w+)$"
)
_DOCS = re.compile(
    r"(?:^|/)(?:docs?|documentation|specs/\d+-[^/]+)/|\.(?:md|mdx|rst|adoc)$"
    r"|(?:^|/)(?!requirements|CMakeLists)[^/]*\.txt$"
    r"|(?:^|/)(?:README|CHANGELOG|LICENSE)\b"
)
_CI = re.compile(r"(?:^|/)(?:\.github/workflows|\.circleci|\.gitlab-ci\.yml|azure-pipelines\.yml)")
_BUILD = re.compile(
    r"(?:^|/)(?:package(?:-lock)?\.json|pnpm-lock\.yaml|yarn\.lock|pyproject\.toml"
    r"|requirements[^/]*\.txt|uv\.lock|poetry\.lock|Cargo\.(?:toml|lock)|go\.(?:mod|sum)|Gemfile(?:\.lock)?|pom\.xml"
    r"|build\.gradle(?:\.kts)?|Makefile|CMakeLists\.txt|Dockerfile|docker-compose[^/]*\.ya?ml)$"
)
_KINDS = (("ci", _CI), ("test", _TESTS), ("docs", _DOCS), ("build", _BUILD))

_WORDS = ("bug_fix", "refactor", "performance", "test", "docs", "feature")
_ASKED = ("code_review", "analysis")


def task_type(task: Task) -> str:
    """The type by commits, by changed files, or by the request.

    The first commit with a conventional prefix decides; then changes in tests, documentation, build
    or CI only. Other changes are a `bug_fix`, a `feature` and so on by the words of the prompt, or
    else a `change`. Without changes it may also be a `code_review` or an `analysis`, or else is a
    `task`.
    """
    if committed := _by_commits(task.commands):
        return committed
    asked = task.first.text[:_LOOKED_AT]
    if not task.files:
        return _by_words(asked, (*_ASKED, *_WORDS)) or "task"
    directory = next((one.cwd for one in task.session.events if one.cwd), "")
    return _by_files(task.files, directory) or _by_words(asked, _WORDS) or "change"


def _by_commits(calls: Iterable[ToolCall]) -> str:
    """The type that the first commit with a conventional prefix names."""
    for call in calls:
        for subject in call.commit_subjects:
            prefix = _PREFIX.match(subject)
            if prefix and (found := _PREFIXES.get(prefix[1].lower())):
                return found
    return ""


def _by_files(files: list[str], directory: str) -> str:
    """The kind of all files, documentation aside; empty if there are several kinds, or code.

    Files in the session's directory are judged by their paths relative to it.
    """
    above = f"{_plain(directory)}/"
    paths = [_plain(file).removeprefix(above) for file in files]
    kinds = {next((kind for kind, one in _KINDS if one.search(path)), "") for path in paths}
    if len(kinds) > 1:
        kinds.discard("docs")
    return next(iter(kinds)) if len(kinds) == 1 else ""


def _plain(path: str) -> str:
    return str(PurePosixPath(path.replace("\\", "/")))


def _by_words(text: str, types: Iterable[str]) -> str:
    """The type whose word comes first in the text; of several at one position the first type."""
    matches = ((wording.pattern(one).search(text), one) for one in types)
    found = [(match.start(), one) for match, one in matches if match]
    return min(found, key=lambda one: one[0])[1] if found else ""
