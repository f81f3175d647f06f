"""Makes executions of commits: a task of a type, with an approach, that was kept or reverted.

The type comes from a conventional prefix (`fix(parser): …`), or else from the words of the subject:

    task_type     prefixes                   words, looked for in this order
    docs          docs, doc                  readme, docs, documentation, document, typo, changelog
    test          test, tests                test, tests, coverage
    bug_fix       fix, bugfix, hotfix        fix, bug, crash, correct, handle, prevent, avoid, …
    performance   perf                       faster, speed, optimize, performance, cache
    refactor      refactor, style            refactor, rename, move, simplify, remove, split, …
    build         build, deps                bump, upgrade, dependency, release, build
    ci            ci                         ci, workflow, pipeline
    feature       feat, feature              add, support, implement, allow, introduce, new, …
    security      security, sec              (by prefix only)
    chore         chore                      (by prefix only)
    change        (any other)                (any other)

A commit succeeded unless a later one reverts it, which is known by `This reverts commit HASH` in
the message or by `Revert "SUBJECT"`. A revert is no task of its own; reverting a revert lets the
first commit count as a success again.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import NAMESPACE_URL, uuid5

from mcp_learning.clients.transfer.imported import Notes, fitted
from mcp_learning.clients.values import cut, moment
from mcp_learning.models.requests import Details, RecordExecution
from mcp_learning.models.transfer import PastExecution

_PREFIXES = {
    prefix: task_type
    for task_type, prefixes in {
        "docs": ("docs", "doc"),
        "test": ("test", "tests"),
        "bug_fix": ("fix", "bugfix", "hotfix"),
        "performance": ("perf",),
        "refactor": ("refactor", "style"),
        "build": ("build", "deps"),
        "ci": ("ci",),
        "feature": ("feat", "feature"),
        "security": ("security", "sec"),
        "chore": ("chore",),
    }.items()
    for prefix in prefixes
}
_WORDS = {
    "docs": r"readme|docs?|documentation|document(s|ed|ing)?|typos?|changelog|docstrings?",
    "test": r"tests?|testing|coverage",
    "bug_fix": r"fix(es|ed)?|bugs?|crash(es)?|correct(ly)?|handle|prevent|avoid|repair|resolve",
    "performance": r"faster|speed|optimi[sz]e|performance|caches?|caching",
    "refactor": r"refactor(ing)?|rename|move|simplify|remove|delete|drop|split|extract|clean\w*",
    "build": r"bump|upgrade|dependenc(y|ies)|release|build|version",
    "ci": r"ci|workflows?|pipelines?",
    "feature": r"add(s|ed)?|support|implement|allow|introduce|new|create|enable|show|let",
}
_PREFIX = re.compile(r"(?P<kind>[\w./-]{1,40})(\((?P<scope>[^()]{1,80})\))?!?:\s+(?P<what>\S.*)")
_REVERT_SUBJECT = re.compile(r'(Revert|Reapply) "(?P<subject>.+)"')
_REVERT_BODY = re.compile(r"([Tt]his )?[Rr]everts commit (?P<hash>[0-9a-f]{7,64})[^\n]*")
_PULL_REQUEST = re.compile(r"\s*\(#\d+\)$")
# Names and addresses of people, and identifiers of review tools.
_TRAILER = re.compile(r"^[\w-]+-(by|to|id|on|url): .*$", re.IGNORECASE | re.MULTILINE)
_NESTING = frozenset({"src", "lib", "app", "apps", "packages", "crates", "cmd", "internal", "pkg"})
_BESIDE = frozenset({"docs", "doc", "test", "tests"})
_MAX_BODY = 1_000
_MAX_FILES_NAMED = 5


@dataclass(frozen=True)
class Commit:
    """One commit, not a merge.

    Attributes:
        hash: Hexadecimal, in full.
        committed_at: ISO 8601 with offset.
        subject: First line of the message; may be empty.
        body: The rest of the message; may be empty.
        files: Paths that it touched, from the root of the repository; None if unknown.
    """

    hash: str
    committed_at: str
    subject: str
    body: str
    files: tuple[str, ...] | None


@dataclass(frozen=True)
class CommitHistory:
    """Commits of one repository.

    Attributes:
        name: Of the repository.
        commits: Oldest first.
        known_as: Directories and addresses of the repository.
    """

    name: str
    commits: tuple[Commit, ...]
    known_as: tuple[str, ...] = ()

    @property
    def has_files(self) -> bool:
        """Whether it is known which files the commits touched."""
        return all(commit.files is not None for commit in self.commits)


def executions(history: CommitHistory) -> list[RecordExecution]:
    """One request per commit that was a task, oldest first; reverts and empty messages are none.

    A commit always gets the same task_id, so that recording a history again changes nothing.
    """
    tasks, reverted = _tasks_and_reverts(history.commits)
    return [_execution(commit, history.name, reverted.get(commit.hash)) for commit in tasks]


def past(history: CommitHistory, notes: Notes) -> Iterator[PastExecution]:
    """As `executions`, with the times of the commits; a reverted one changed at its revert."""
    tasks, reverted = _tasks_and_reverts(history.commits)
    for commit in tasks:
        revert = reverted.get(commit.hash)
        request = _execution(commit, history.name, revert)
        at = moment(commit.committed_at)
        if at is None or request.task_id is None:
            notes.skip(f"commit {commit.hash[:12]}", "has a time that can't be read")
            continue
        yield PastExecution(
            task_id=request.task_id,
            execution=request.model_copy(update={"task_id": None}),
            recorded_at=at,
            updated_at=moment(revert.committed_at) if revert else None,
            repo_known_as=list(history.known_as),
        )


def _tasks_and_reverts(commits: tuple[Commit, ...]) -> tuple[list[Commit], dict[str, Commit]]:
    """The commits that are tasks, and the reverts by the hash of the commit that they revert."""
    tasks: list[Commit] = []
    reverts: dict[str, Commit] = {}
    target_of: dict[str, str] = {}
    for at, commit in enumerate(commits):
        named = _REVERT_SUBJECT.fullmatch(commit.subject)
        if named is None and not _REVERT_BODY.search(commit.body):
            if commit.subject:
                tasks.append(commit)
            continue
        target = _find_target(commit, commits[:at])
        if target is None:
            continue
        target_of[commit.hash] = target.hash
        if (original := target_of.get(target.hash)) is not None:
            reverts.pop(original, None)  # the revert itself was reverted
        elif named is not None and named[1] == "Reapply":
            reverts.pop(target.hash, None)
        else:
            reverts[target.hash] = commit
    return tasks, reverts


def _find_target(revert: Commit, earlier: tuple[Commit, ...]) -> Commit | None:
    """The latest earlier commit that a revert names, by hash or else by subject."""
    by_hash = _REVERT_BODY.search(revert.body)
    by_subject = _REVERT_SUBJECT.fullmatch(revert.subject)
    for commit in reversed(earlier):
        if by_hash is not None:
            if commit.hash.startswith(by_hash["hash"]):
                return commit
        elif by_subject is not None and commit.subject == by_subject["subject"]:
            return commit
    return None


def _execution(commit: Commit, repo: str, revert: Commit | None) -> RecordExecution:
    subject = _PULL_REQUEST.sub("", commit.subject)
    body = fitted(_TRAILER.sub("", commit.body).strip(), _MAX_BODY)
    prefix = _PREFIX.fullmatch(subject)
    if prefix is not None and prefix["kind"].lower() in _PREFIXES:
        task_type, scope, what = _PREFIXES[prefix["kind"].lower()], prefix["scope"], prefix["what"]
    else:  # `parser: fix …` names the part that is changed, as projects written in C or Go do
        scope = prefix["kind"] if prefix is not None else None
        task_type, what = type_by_words(subject), subject
    return RecordExecution(
        task_id=uuid5(NAMESPACE_URL, f"git:{commit.hash}"),
        task_type=task_type,
        task_description=fitted(f"{what}\n\n{body}".strip(), 20_000),
        outcome="success" if revert is None else "failure",
        repo=cut(repo, 500),
        approach=cut(scope or _main_part(commit.files or ()), 200),
        solution_summary=_changed(commit.files or ()) if revert is None else None,
        error_type=None if revert is None else "quality_gate",
        error_message=None if revert is None else _reason(revert),
        details=Details(
            file_count=None if commit.files is None else len(commit.files),
            metadata={"commit": commit.hash, "committed_at": commit.committed_at},
        ),
    )


def type_by_words(subject: str, default: str = "change") -> str:
    """The type of a task by the words of its first line."""
    for task_type, words in _WORDS.items():
        if re.search(rf"\b({words})\b", subject, re.IGNORECASE):
            return task_type
    return default


def _main_part(paths: tuple[str, ...]) -> str:
    """The directory, below `src` and such, with most of the changed files; empty without any.

    Documentation and tests are part of most changes, so they count only if there is nothing else.
    """

    def part(path: str) -> str:
        parts = PurePosixPath(path).parts
        return parts[1] if len(parts) > 2 and parts[0] in _NESTING else parts[0]

    parts = [part(path) for path in paths if path]
    common = Counter([name for name in parts if name not in _BESIDE] or parts).most_common(1)
    return common[0][0] if common else ""


def _changed(paths: tuple[str, ...]) -> str | None:
    if not paths:
        return None
    more = len(paths) - _MAX_FILES_NAMED
    named = ", ".join(cut(path, 200) for path in paths[:_MAX_FILES_NAMED])
    return f"Changed {named}" + (f" and {more} more files." if more > 0 else ".")


def _reason(revert: Commit) -> str:
    """Which commit reverted the task and, where it says so, why."""
    why = _TRAILER.sub("", _REVERT_BODY.sub("", revert.body)).strip(" .\n")
    return f"Reverted by commit {revert.hash[:12]}: {fitted(why or revert.subject, _MAX_BODY)}"
