"""Makes executions of commits, with an outcome where later commits show it.

A commit is a task with a type, and with the files and functions that it changed as its solution. It
has no approach.

Most commits have no known outcome and are pending. The others have the basis git:

    reverted by a later commit (`corrections`)                           failure    0.95
    fixed by a later commit within two weeks                             failure    0.6
    changes code and its tests, and has stood for two weeks              success    0.7
    the same, younger                                                    success    0.6

The numbers are the confidence. Reverts aren't tasks of their own, nor are releases, bumps of
versions and dependencies, merges, and commits with too short messages (`subjects`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from mcp_learning.clients.transfer import corrections, followups, subjects
from mcp_learning.clients.transfer.commit_history import Commit, CommitHistory, is_code, is_test
from mcp_learning.clients.transfer.corrections import CorrectedCommits, Correction
from mcp_learning.clients.transfer.imported import Notes, clean_and_truncate
from mcp_learning.clients.values import parse_time, truncate
from mcp_learning.models.requests import Outcome, RecordExecution
from mcp_learning.models.transfer import PastDetails, PastExecution, PastValues
from mcp_learning.models.verdicts import REVERTED, Verdict, with_noted

FIXED = 0.6
"""Confidence that a commit failed if a later one had to fix it."""

TESTED, TESTED_AND_STOOD = 0.6, 0.7
"""Confidence that a commit with tests succeeded, and if it also stood for two weeks."""

# Names and addresses of people, and identifiers of review tools.
_TRAILER = re.compile(r"^[\w-]+-(by|to|id|on|url|link): .*$", re.IGNORECASE | re.MULTILINE)
_MAX_BODY = 1_000
_MAX_FILES_NAMED = 5
_MAX_FUNCTIONS_NAMED = 4
_LONGEST_PATH = 120
_READING = timedelta(microseconds=1)
"""Added to `updated_at`. It has to be increased whenever commits are converted differently, so that
importing them again updates the executions of earlier versions."""


def executions(history: CommitHistory) -> list[RecordExecution]:
    """One request per commit that was a task, oldest first.

    A commit always has the same task_id, so that recording a history again changes nothing.
    """
    return [
        one.execution.model_copy(update={"task_id": one.task_id})
        for one in past_executions(history, Notes())
    ]


def task_id(commit: str) -> UUID:
    """The execution that a commit, named by its full hash, is imported as."""
    return uuid5(NAMESPACE_URL, f"git:{commit}")


def past_executions(history: CommitHistory, notes: Notes) -> Iterator[PastExecution]:
    """The tasks of a history, oldest first, with the times of the commits.

    `updated_at` is the time when the outcome became known.
    """
    found = corrections.find(history.commits)
    for target, by in followups.find(history.commits):
        if not {target, by} & found.alone:
            found.of.setdefault(target, Correction("mended", by))
    by_hash = {commit.hash: commit for commit in history.commits}
    until = history.until
    for commit in history.commits:
        where = f"commit {commit.hash[:12]}"
        at = parse_time(commit.committed_at)
        if at is None or until is None:
            notes.skip(where, "has a time that can't be read")
        elif commit.hash in found.alone:
            notes.skip(where, "only reverts or fixes another commit")
        elif subjects.is_routine(commit.subject):
            notes.skip(where, "is a release, a bump of versions or a merge")
        elif subjects.is_too_short(_description(commit)):
            notes.skip(where, "says too little in its message")
        else:
            end = _end(commit, at, until, found, by_hash)
            yield PastExecution(
                task_id=task_id(commit.hash),
                execution=_execution(commit, history.name, end),
                recorded_at=at,
                updated_at=_known_at(end, at, until) + _READING,
                repo_known_as=list(history.known_as),
            )


@dataclass(frozen=True)
class _End:
    """The outcome of a commit, when it became known, and the later commit that shows it."""

    known_at: datetime
    outcome: Outcome = "pending"
    confidence: float = 0.0
    why: str = ""
    by: Commit | None = None

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.outcome, "git", self.confidence, self.why, self.known_at.isoformat())


def _end(
    commit: Commit,
    at: datetime,
    until: datetime,
    found: CorrectedCommits,
    by_hash: Mapping[str, Commit],
) -> _End:
    correction = found.of.get(commit.hash)
    if correction is not None:
        by = by_hash[correction.by]
        confidence = REVERTED if correction.kind == "reverted" else FIXED
        why = f"{correction.kind} by {by.hash[:12]}"
        return _End(parse_time(by.committed_at) or at, "failure", confidence, why, by)
    if (back := by_hash.get(found.restored.get(commit.hash, ""))) is not None:
        at = parse_time(back.committed_at) or at
    paths = commit.files or ()
    if not (any(map(is_test, paths)) and any(map(is_code, paths))):
        return _End(at)
    if until - at >= corrections.FIXED_WITHIN:
        stood, days = at + corrections.FIXED_WITHIN, corrections.FIXED_WITHIN.days
        return _End(stood, "success", TESTED_AND_STOOD, f"has tests, and stood for {days} days")
    return _End(at, "success", TESTED, "has tests")


def _known_at(end: _End, at: datetime, until: datetime) -> datetime:
    """The latest time at which the outcome of a commit made `at` can have become known.

    A merge may bring an older correction after the commit counted as standing. `until` is the time
    of the last commit.
    """
    if end.by is None or until - at < corrections.FIXED_WITHIN:
        return end.known_at
    return max(end.known_at, at + corrections.FIXED_WITHIN + _READING)


def _execution(commit: Commit, repo: str, end: _End) -> PastValues:
    known = {"source": "git", "commit": commit.hash, "committed_at": commit.committed_at}
    failed = end.outcome == "failure"
    return PastValues(
        task_type=subjects.parse(commit.subject).task_type,
        task_description=_description(commit),
        outcome=end.outcome,
        repo=truncate(repo, 500),
        solution_summary=None if failed else _changed(commit),
        error_type="quality_gate" if failed else None,
        error_message=None if end.by is None else _reason(end.by, end.confidence),
        details=PastDetails(
            file_count=None if commit.files is None else len(commit.files),
            outcome_basis=None if end.outcome == "pending" else "git",
            outcome_confidence=end.confidence or None,
            metadata=with_noted(known, {"git": end.verdict}),
        ),
    )


def _description(commit: Commit) -> str:
    """The text of the commit message, without names of people."""
    told = subjects.parse(commit.subject).told
    return clean_and_truncate(f"{told}\n\n{_body(commit)}".strip(), 20_000)


def _body(commit: Commit) -> str:
    return clean_and_truncate(_TRAILER.sub("", commit.body).strip(), _MAX_BODY)


def _changed(commit: Commit) -> str | None:
    """The files and functions that a commit changed, code first, and the body of its message."""
    paths = sorted(commit.files or (), key=lambda path: (not is_code(path), not is_test(path)))
    if not paths:
        return None
    named = [_place(path, commit.functions.get(path, ())) for path in paths[:_MAX_FILES_NAMED]]
    more = len(paths) - _MAX_FILES_NAMED
    text = f"Changed {', '.join(named)}" + (f" and {more} more files." if more > 0 else ".")
    return f"{text}\n\n{_body(commit)}".strip()


def _place(path: str, names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_MAX_FUNCTIONS_NAMED])
    if len(names) > _MAX_FUNCTIONS_NAMED:
        shown += ", …"
    return f"{truncate(path, _LONGEST_PATH)} ({shown})" if shown else truncate(path, _LONGEST_PATH)


def _reason(by: Commit, confidence: float) -> str:
    """The commit that reverted or fixed the task, and its reason or subject."""
    if confidence != REVERTED:
        return f"Mended by commit {by.hash[:12]}: {clean_and_truncate(by.subject, _MAX_BODY)}"
    why = corrections.reason(_TRAILER.sub("", by.body))
    return f"Reverted by commit {by.hash[:12]}: {clean_and_truncate(why or by.subject, _MAX_BODY)}"
