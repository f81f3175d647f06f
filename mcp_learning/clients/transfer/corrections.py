"""Commits that take back or mend earlier ones.

A commit is taken back by a later one that says so: `Revert "SUBJECT"`, with the number of a pull
request behind it or without, `revert: SUBJECT`, `Back out SUBJECT`, `Rollback SUBJECT`, `This
reverts commit HASH`, `Reverts owner/name#12`. Taking that one back in turn, or `Reapply "SUBJECT"`
and `Reland "SUBJECT"`, lets the first one stand again. It is mended by `fixup! SUBJECT`, by a
later commit with `Fixes: HASH`, and by one that says which commit or pull request introduced the
defect.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, NamedTuple

from mcp_learning.clients.transfer.commit_history import Commit
from mcp_learning.clients.transfer.subjects import without_numbers
from mcp_learning.clients.values import parse_time

MENDED_WITHIN = timedelta(days=14)
"""Time after a commit within which a commit that mends it counts against it."""

_TAKE = (
    r"(?:revert(?:s|ed|ing)?|back(?:s|ed|ing)?[ -]?out|roll(?:s|ed|ing)?[ -]?backs?|undo(?:es)?)"
)
_AGAIN = r"re-?(?:apply|land|applies|lands)(?:ing)?|re-?(?:applied|landed)"
_HASH = r"\b[0-9a-f]{7,64}\b"
_LEAD = re.compile(
    r"^(?:\[[^\]]{1,40}\]\s*)?(?:(?!revert|roll|back)[\w./-]{1,40}(?:\([^()]{1,80}\))?!?:\s+)?",
    re.IGNORECASE,
)
_VERB = re.compile(
    rf"(?:(?P<again>{_AGAIN})|(?P<part>part(?:ial(?:ly)?|ly)\ )?{_TAKE})(?:\([^()]{{1,80}}\))?!?"
    r"(?P<colon>:)?\s+(?:(?:commit|changesets?|pull\ request|pr|of|the\ change)\s+)*(?P<what>.+)",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r"[\"“](?P<subject>[^\"”]*(?:[\"“][^\"”]*[\"”][^\"”]*)*)[\"”]?")
_NAMED = re.compile(
    rf"^\W{{0,3}}(?:(?:this|it)\ )?(?:(?P<part>part(?:ial)?ly)\ )?{_TAKE}\b"
    r"(?P<what>[^\n]{0,400})",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_MENDED = re.compile(
    rf"^fixes:\s+(?:commit\s+)?(?P<hash>{_HASH})"
    r"|\b(?:introduced|caused|broken|regress(?:ed|ion))\s+(?:in|by|from|since)\s+"
    r"(?P<what>[^\n]{1,80})",
    re.IGNORECASE | re.MULTILINE,
)
_DEFECT = re.compile(
    r"\b(fix\w*|bugs?|regress\w*|broke\w*|crash\w*|typos?|fail\w*)\b", re.IGNORECASE
)
_FIXUP = re.compile(r"(?:fixup|squash|amend)!\s+(?P<subject>.+)")
_REFERENCE = re.compile(rf"(?P<hash>{_HASH})|(?:#|/pull/)(?P<number>\d+)")
_NUMBERED = re.compile(r"\(?(?:[\w./-]+)?#(\d+)\)?")
_NUMBERS_ALONE = re.compile(r"(?:[\w./-]*#\d+|[0-9a-f]{7,64}|,|and|\s)+", re.IGNORECASE)
_FEWEST = 12
"""Characters of a shortened subject, or of one without quotation marks, that tell which it is."""


class Correction(NamedTuple):
    """That a commit was taken back or mended, and by which one."""

    kind: Literal["reverted", "mended"]
    by: str


class _Said(NamedTuple):
    """What a commit says about earlier ones.

    Attributes:
        again: Whether it lets them stand again.
        partly: Whether it takes back only a part of them.
        subject: Their first line, if it is told.
        references: Hashes and numbers of pull requests.
        alone: Whether it says nothing else, so that it is no task of its own.
        surely: Whether it is alone even if nothing that it names is known.
    """

    again: bool
    partly: bool
    subject: str
    references: list[tuple[str, str]]
    alone: bool
    surely: bool


@dataclass
class CorrectedCommits:
    """What became of the commits of a history.

    Attributes:
        of: The last correction of a commit that stands, by its hash.
        restored: What brought back commits that were taken back and stand again, by their hashes.
        alone: Hashes of commits that do nothing but correct others.
    """

    of: dict[str, Correction] = field(default_factory=dict)
    restored: dict[str, str] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


def find(commits: Sequence[Commit]) -> CorrectedCommits:
    """Which commits, given oldest first, were taken back or mended by later ones."""
    found, known = CorrectedCommits(), _Known()
    reverts: dict[str, list[str]] = {}  # what each revert takes back
    for commit in commits:
        _take_back(commit, known, reverts, found)
        _mend(commit, known, found)
        known.add(commit)
    return found


def reason(body: str) -> str:
    """What the body of a revert says besides which commit it takes back."""
    return _NAMED.sub("", body).strip(" .\n")


class _Known:
    """The commits so far, by all that later ones may call them."""

    def __init__(self) -> None:
        self._hashes: dict[str, list[str]] = {}  # by the first seven characters
        self._numbers: dict[str, str] = {}
        self._subjects: dict[str, str] = {}
        self.times: dict[str, str] = {}

    def add(self, commit: Commit) -> None:
        self.times[commit.hash] = commit.committed_at
        self._hashes.setdefault(commit.hash[:7], []).append(commit.hash)
        for number in _NUMBERED.findall(commit.subject)[-1:]:
            self._numbers[number] = commit.hash
        for form in _forms(commit.subject):
            self._subjects[form] = commit.hash

    def named(self, references: Sequence[tuple[str, str]]) -> list[str]:
        """Commits by hashes and numbers of pull requests; unknown ones are left out."""
        found = []
        for prefix, number in references:
            if number:
                found += [self._numbers[number]] if number in self._numbers else []
            else:
                same = self._hashes.get(prefix[:7], [])
                found += [one for one in same if one.startswith(prefix)][-1:]
        return list(dict.fromkeys(found))

    def titled(self, subject: str) -> list[str]:
        """The latest commit with a first line, which may have been cut short."""
        form = _form(subject)
        if form in self._subjects:
            return [self._subjects[form]]
        start = form.rstrip("….").rstrip()
        if start != form and len(start) >= _FEWEST:
            longer = [one for title, one in self._subjects.items() if title.startswith(start)]
            return longer[-1:]
        return []


def _take_back(
    commit: Commit, known: _Known, reverts: dict[str, list[str]], found: CorrectedCommits
) -> None:
    said = _said(commit)
    if said is None:
        return
    targets = known.named(said.references) or (known.titled(said.subject) if said.subject else [])
    if said.surely or (said.alone and targets):
        found.alone.add(commit.hash)
    for target in targets:
        if target in reverts:  # of a revert: what that took back stands again
            for original in reverts[target]:
                found.of.pop(original, None)
                found.restored[original] = commit.hash
        elif said.again:
            found.of.pop(target, None)
            found.restored[target] = commit.hash
        else:
            found.of[target] = Correction("mended" if said.partly else "reverted", commit.hash)
            reverts.setdefault(commit.hash, []).append(target)


def _mend(commit: Commit, known: _Known, found: CorrectedCommits) -> None:
    targets: list[str] = []
    if fixup := _FIXUP.fullmatch(commit.subject):
        found.alone.add(commit.hash)
        targets = known.titled(fixup["subject"])
    told = f"{commit.subject}\n{commit.body}"
    for one in _MENDED.finditer(told) if _DEFECT.search(told) else ():
        references = [(one["hash"], "")] if one["hash"] else _references(one["what"])
        targets += known.named(references)
    at = parse_time(commit.committed_at)
    for target in targets:
        before = parse_time(known.times[target])
        if at is not None and before is not None and at - before <= MENDED_WITHIN:
            found.of.setdefault(target, Correction("mended", commit.hash))


def _said(commit: Commit) -> _Said | None:
    """What a commit says that it takes back; None for one that takes back nothing."""
    subject = _LEAD.sub("", without_numbers(commit.subject))
    named = list(_NAMED.finditer(commit.body))
    references = [one for line in named for one in _references(line["what"])]
    verb = _VERB.match(subject)
    if verb is None:
        within = re.search(rf"\b{_TAKE}\s+(?P<what>(?:[\w./-]*#\d+|{_HASH}).*)", subject, re.I)
        references += _references(within["what"]) if within else []
        partly = bool(named) and all(line["part"] for line in named)
        return _Said(False, partly, "", references, False, False) if references else None
    what = verb["what"].strip()
    quoted = _QUOTED.match(what)
    title = quoted["subject"] if quoted else what
    alone = bool(quoted or verb["colon"] or _NUMBERS_ALONE.fullmatch(what) or references)
    references = references or ([] if quoted else _references(what))
    partly = bool(verb["part"]) or (bool(named) and all(line["part"] for line in named))
    if not quoted and not verb["colon"] and len(title) < _FEWEST:
        title = ""
    # `Revert "X"` is a revert even if X is unknown; `Rollback of X` may be a feature.
    surely = bool(quoted or verb["colon"] or (references and alone))
    return _Said(bool(verb["again"]), partly, title, references, alone or bool(title), surely)


def _references(text: str) -> list[tuple[str, str]]:
    """Hashes and numbers of pull requests in a text, up to what it says that was reversed to."""
    text = text.partition("reversing")[0]
    found = ((one["hash"] or "", one["number"] or "") for one in _REFERENCE.finditer(text))
    return [one for one in found if one[1] or any(digit.isdigit() for digit in one[0])]


def _form(subject: str) -> str:
    """A first line as others quote it: without numbers, quotation marks and case."""
    return " ".join(without_numbers(subject).casefold().strip("\"'`“” ").split())


def _forms(subject: str) -> Iterator[str]:
    yield _form(subject)
    if (bare := _form(_LEAD.sub("", subject))) != _form(subject):
        yield bare
