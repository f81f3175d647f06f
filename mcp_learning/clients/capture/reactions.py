"""Classifies a prompt as a reaction to the work before it: acceptance, rejection, undoing or none.

Only the beginning of a prompt is read, since users react first. Indirect reactions, and those in
languages that `transcripts.wording` doesn't have, count as none.
"""

import re
from enum import StrEnum

from mcp_learning.clients.transcripts.wording import pattern

_FIRST = 160  # characters of a prompt that are examined
_SHORT = 80
"""Longest prompt, in characters, whose praise may come later: "the button is there now, thanks"."""

_ASKS = re.compile(
    r"(?:what|is|are|does|do|did|when|where|which|who|should|would|will)\b[^.!\n]*\?", re.IGNORECASE
)
_CLAUSE = re.compile(r"[.,!;:。、]\s*")
_THIS = re.compile(
    r"\A(?:it|that|this|they|das|es|ça|cela|ce|eso|esto|isso|questo|dit|это)\s+"
    r"(?:just\s+|also\s+|really\s+|ne\s+)?",
    re.IGNORECASE,
)
_QUESTIONED = re.compile(r"(?: \w{1,6})? ?[?\uff1f]|[\u5417\u55ce\u6c92\u6ca1]|\u304b(?!\u3089)")
"""What makes a question of the praise before it: "works now?", or a particle."""
_BETWEEN = " \t\r\n,.!:;-、"
_FAILURE = re.compile(
    r"\b[A-Z]\w*(?:Error|Exception)\b|\b(?i:error|fatal|panic|failed|exception)\b ?[:\[(]"
    r"|\bERR[_!]|\bTraceback\b|\berror TS\d|\b[45]\d\d \([A-Z]|\[[45]\d\d\]"
    r"|\b(?i:HTTP|status(?: ?code)?:?) ?[45]\d\d\b"
    r"|\b(?i:exit(?:ed with)? (?:code|status)):? [1-9]|[✖❌✗]|: undefined: "
    r"|\b(?:Failed to|Error (?:response|calling|while)|Cannot|Could not|Couldn't|Uncaught) "
    r"|\b(?:not found|No such file or directory)\b|(?<!\w)at \S+ \(?\S+:\d+:\d+\)"
)
"""What programs print when they fail."""
_PASTED = 3_000  # characters of a prompt that are searched for it
_ERRORS = 200  # the same for words for errors
_NEGATED = 60  # the same for negations
_AMISS = 100  # the same for contradictions, and for what is as before or not as it was meant


class Reaction(StrEnum):
    """A prompt's reaction to the work before it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REPEATED = "repeated"
    UNDONE = "undone"
    NOTHING = "nothing"


def rejects_work_before(prompt: str) -> bool:
    """Whether a prompt rejects the earlier work, or says that nothing has changed.

    A complaint about a named thing may be a new problem ("the lid doesn't close"), unlike "that
    doesn't work" or "not working".
    """
    said = reaction(prompt)
    if said is not Reaction.REJECTED:
        return said in (Reaction.REPEATED, Reaction.UNDONE)
    return bool(pattern("rejected").match(_THIS.sub("", _beginning(prompt))))


def shows_error(prompt: str) -> bool:
    """Whether a prompt has the output of a failure, or mentions an error at its beginning.

    The error may also be another one than of the work before.
    """
    said = prompt[:_PASTED].replace("\u2019", "'")
    return bool(_FAILURE.search(said) or pattern("error").search(said[:_ERRORS]))


def doubts_work_before(prompt: str) -> bool:
    """Whether a prompt shows an error, or begins with what is not as it was meant.

    Without other evidence, the work before is no success then.
    """
    said = prompt[:_AMISS].replace("\u2019", "'")
    return (
        shows_error(prompt)
        or bool(pattern("negation").search(said[:_NEGATED]))
        or any(pattern("contrast").match(clause) for clause in _CLAUSE.split(said))
        or any(pattern(name).search(said) for name in ("again", "amiss"))
    )


def reaction(prompt: str) -> Reaction:
    """The reaction of a prompt.

    `REPEATED` is a complaint that nothing has changed ("still broken").
    """
    said = _normal(prompt)
    told = _beginning(prompt)
    if pattern("undone").match(told):
        return Reaction.UNDONE
    if _ASKS.match(told):
        return Reaction.NOTHING
    if pattern("repeated").search(said):
        return Reaction.REPEATED
    if pattern("rejected").search(said):
        return Reaction.REJECTED
    if pattern("contrast").search(said):
        return Reaction.NOTHING
    clauses = _CLAUSE.split(told) if len(prompt) <= _SHORT else [told]
    praises = "👍" in said or any(map(_praises, clauses))
    return Reaction.ACCEPTED if praises else Reaction.NOTHING


def _praises(clause: str) -> bool:
    """Whether a clause begins with praise that is no question."""
    found = pattern("praise").match(clause)
    return found is not None and not _QUESTIONED.match(clause, found.end())


def _beginning(prompt: str) -> str:
    """The beginning of a prompt, after filler words."""
    told = _normal(prompt)
    while found := pattern("preamble").match(told):
        told = told[found.end() :].lstrip(_BETWEEN)
    return told


def _normal(prompt: str) -> str:
    return " ".join(prompt[:_FIRST].replace("\u2019", "'").split())
