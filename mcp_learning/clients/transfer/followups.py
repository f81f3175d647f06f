"""Finds fixes that soon follow a change of the same file or function, and share words with it.

Such a fix shows that the change was faulty. Subjects have to share two words if both commits change
the same function, or three if they only change the same file.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from mcp_learning.clients.transfer import subjects
from mcp_learning.clients.transfer.commit_history import Commit, is_code
from mcp_learning.clients.transfer.corrections import FIXED_WITHIN
from mcp_learning.clients.values import parse_time

_IN_FUNCTION, _IN_FILE = 2, 3
"""Least number of common words, for the same function and for the same file."""

_WORD = re.compile(r"[^\W\d][\w]{3,}")
_COMMON = """
    added adding allow also avoid been better break breaking bugs change changed changes check code
    correct correctly crash crashed crashes does error errors feat feature file files fixed fixes
    fixing from handle handled handling have improve improved instead into issue issues made make
    makes more only other prevent remove removed should some support supported test tests than that
    their them there this update updated used user uses using wasn were when where which while will
    with without wrong
"""
_COMMON_WORDS = frozenset(_COMMON.split())


def find(commits: Sequence[Commit]) -> Iterator[tuple[str, str]]:
    """Pairs of hashes: a commit, and the fix that followed it. Commits are given oldest first."""
    latest: dict[tuple[str, str], tuple[Commit, datetime]] = {}
    for commit in commits:
        at = parse_time(commit.committed_at)
        if at is None or subjects.is_routine(commit.subject):
            continue
        places = list(_places(commit))
        if subjects.parse(commit.subject).task_type == "bug_fix":
            before = {
                place: known
                for place in places
                if (known := latest.get(place)) and at - known[1] <= FIXED_WITHIN
            }
            yield from _followed(commit, before)
        latest |= dict.fromkeys(places, (commit, at))


def _followed(
    fix: Commit, before: dict[tuple[str, str], tuple[Commit, datetime]]
) -> Iterator[tuple[str, str]]:
    said = _words(fix.subject)
    for (_, function), (commit, _) in before.items():
        shared = said & _words(commit.subject)
        if len(shared) >= (_IN_FUNCTION if function else _IN_FILE):
            yield commit.hash, fix.hash


def _places(commit: Commit) -> Iterator[tuple[str, str]]:
    """Files of code, and functions in them."""
    for path in commit.files or ():
        if is_code(path):
            yield path, ""
            yield from ((path, name) for name in commit.functions.get(path, ()))


def _words(subject: str) -> frozenset[str]:
    parts = subjects.parse(subject)
    words = _WORD.findall(f"{parts.scope} {parts.what}".lower())
    return frozenset(word.rstrip("s") for word in words if word not in _COMMON_WORDS)
