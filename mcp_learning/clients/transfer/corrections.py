"""Finds commits that were reverted or fixed by later ones.

A revert is `Revert "SUBJECT"`, with or without the number of a pull request, `revert: SUBJECT`,
`Back out SUBJECT`, `Rollback SUBJECT`, `This reverts commit HASH`, `Reverts owner/name#12`.
Reverting that one, or `Reapply "SUBJECT"` and `Reland "SUBJECT"`, restores the first commit. A fix
is `fixup! SUBJECT`, a later commit with `Fixes: HASH`, or one that names the commit or pull request
that introduced the defect.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, NamedTuple

from mcp_learning.clients.transfer.commit_history import Commit
from mcp_learning.clients.transfer.subjects import without_numbers
from mcp_learning.clients.values import parse_time

FIXED_WITHIN = timedelta(days=14)
"""Longest time between a commit and a fix that counts against it."""

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
_FIXED = re.compile(
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
_NUMBERED = re.compile(r"#(\d+)")
# Possessive: without it, the time is exponential in the length of a long hash.
_NUMBERS_ALONE = re.compile(rf"(?:[\w./-]*+#\d++|{_HASH}|,|and|\s)++", re.IGNORECASE)
_FEWEST = 12
"""Least number of characters that identify a truncated subject, or one without quotation marks."""


class Correction(NamedTuple):
    """Whether a commit was reverted or fixed, and the commit that did it."""

    kind: Literal["reverted", "mended"]
    by: str


class _RevertMessage(NamedTuple):
    """The message of a revert, parsed.

    Attributes:
        again: Whether it restores them.
        partly: Whether it reverts only a part of them.
        subject: Their first line, if it is quoted.
        references: Pairs of a hash and a number of a pull request, of which one is empty.
        alone: Whether it does nothing else, so that it isn't a task of its own.
        surely: Whether that holds even if the commits that it names are unknown.
    """

    again: bool
    partly: bool
    subject: str
    references: list[tuple[str, str]]
    alone: bool
    surely: bool


class _Effects(NamedTuple):
    """Hashes of the commits that each revert reverts, and that each later commit restores."""

    reverts: dict[str, list[str]]
    restores: dict[str, list[str]]


@dataclass
class CorrectedCommits:
    """The corrections in a history; keys are hashes of the corrected commits.

    Attributes:
        of: The correction in effect.
        restored: Hash of the commit that restored a reverted commit.
        alone: Hashes of commits that do nothing but correct others.
    """

    of: dict[str, Correction] = field(default_factory=dict)
    restored: dict[str, str] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


def find(commits: Sequence[Commit]) -> CorrectedCommits:
    """The corrections among commits, which are given oldest first."""
    found, known = CorrectedCommits(), _Known()
    effects = _Effects({}, {})
    for commit in commits:
        _note_revert(commit, known, effects, found)
        _note_fix(commit, known, found)
        known.add(commit)
    return found


def reason(body: str) -> str:
    """The body of a revert without the sentence that names the commit."""
    return _NAMED.sub("", body).strip(" .\n")


class _Known:
    """The commits so far, indexed by hash, pull request and subject."""

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
        """Commits by hashes and numbers of pull requests; unknown references are left out."""
        found = []
        for prefix, number in references:
            if number:
                found += [self._numbers[number]] if number in self._numbers else []
            else:
                same = self._hashes.get(prefix[:7], [])
                found += [one for one in same if one.startswith(prefix)][-1:]
        return list(dict.fromkeys(found))

    def titled(self, subject: str) -> list[str]:
        """The latest commit with a subject, which may be truncated; empty if there is none."""
        form = _form(subject)
        if form in self._subjects:
            return [self._subjects[form]]
        start = form.rstrip("….").rstrip()
        if start != form and len(start) >= _FEWEST:
            longer = [one for title, one in self._subjects.items() if title.startswith(start)]
            return longer[-1:]
        return []


def _note_revert(commit: Commit, known: _Known, effects: _Effects, found: CorrectedCommits) -> None:
    message = _parse_revert(commit)
    if message is None:
        return
    by_title = known.titled(message.subject) if message.subject else []
    targets = known.named(message.references) or by_title
    if message.surely or (message.alone and targets):
        found.alone.add(commit.hash)
    kind: Literal["reverted", "mended"] = "mended" if message.partly else "reverted"
    for target in targets:
        is_of_revert = target in effects.reverts  # what that reverted is restored
        restores = is_of_revert or message.again
        both = [target, *effects.restores.get(target, [])]
        for original in effects.reverts[target] if is_of_revert else both:
            done = effects.restores if restores else effects.reverts
            done.setdefault(commit.hash, []).append(original)
            if restores:
                found.of.pop(original, None)
                found.restored[original] = commit.hash
            else:
                found.of[original] = Correction(kind, commit.hash)


def _note_fix(commit: Commit, known: _Known, found: CorrectedCommits) -> None:
    targets: list[str] = []
    if fixup := _FIXUP.fullmatch(commit.subject):
        found.alone.add(commit.hash)
        targets = known.titled(fixup["subject"])
    text = f"{commit.subject}\n{commit.body}"
    for one in _FIXED.finditer(text) if _DEFECT.search(text) else ():
        references = [(one["hash"], "")] if one["hash"] else _references(one["what"])
        targets += known.named(references)
    at = parse_time(commit.committed_at)
    for target in targets:
        before = parse_time(known.times[target])
        if at is not None and before is not None and at - before <= FIXED_WITHIN:
            found.of.setdefault(target, Correction("mended", commit.hash))


def _parse_revert(commit: Commit) -> _RevertMessage | None:
    """The parsed message of a revert or a restoration; None for other commits."""
    subject = _LEAD.sub("", without_numbers(commit.subject))
    named = list(_NAMED.finditer(commit.body))
    references = [one for line in named for one in _references(line["what"])]
    verb = _VERB.match(subject)
    if verb is None:
        within = re.search(rf"\b{_TAKE}\s+(?P<what>(?:[\w./-]*#\d+|{_HASH}).*)", subject, re.I)
        references += _references(within["what"]) if within else []
        partly = bool(named) and all(line["part"] for line in named)
        return _RevertMessage(False, partly, "", references, False, False) if references else None
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
    is_alone = alone or bool(title)
    return _RevertMessage(bool(verb["again"]), partly, title, references, is_alone, surely)


def _references(text: str) -> list[tuple[str, str]]:
    """Hashes and numbers of pull requests in a text, up to the word "reversing"."""
    text = text.partition("reversing")[0]
    found = ((one["hash"] or "", one["number"] or "") for one in _REFERENCE.finditer(text))
    return [one for one in found if one[1] or any(digit.isdigit() for digit in one[0])]


def _form(subject: str) -> str:
    """A subject in the form for comparison: no pull request, no quotation marks, case-folded."""
    return " ".join(without_numbers(subject).casefold().strip("\"'`“” ").split())


def _forms(subject: str) -> Iterator[str]:
    yield _form(subject)
    if (bare := _form(_LEAD.sub("", subject))) != _form(subject):
        yield bare
