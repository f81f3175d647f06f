"""What a user's prompt says of the work before it: accepted, rejected, to be undone, or nothing.

Only how a prompt begins is looked at: a user reacts first and goes on then. Who says it indirectly,
or in a language that `transcripts.wording` doesn't know, says nothing here.
"""

import re
from enum import StrEnum

from mcp_learning.clients.transcripts.wording import pattern

_FIRST = 160  # characters of a prompt that are looked at
_SHORT = 80
"""Characters up to which praise may also come later: "the button is there now, thanks"."""

_ASKS = re.compile(
    r"(?:what|is|are|does|do|did|when|where|which|who|should|would|will)\b[^.!\n]*\?", re.IGNORECASE
)
_CLAUSE = re.compile(r"[.,!;:。、]\s*")
_THIS = re.compile(
    r"\A(?:it|that|this|they|das|es|ça|cela|ce|eso|esto|isso|questo|dit|это)\s+"
    r"(?:just\s+|also\s+|really\s+|ne\s+)?",
    re.IGNORECASE,
)
_BETWEEN = " \t\r\n,.!:;-、"


class Reaction(StrEnum):
    """What a prompt says of the work before it."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REPEATED = "repeated"
    UNDONE = "undone"
    NOTHING = "nothing"


def rejects_work_before(prompt: str) -> bool:
    """Whether a prompt says that something is as it was before, or rejects what was done.

    A complaint about something with a name of its own may be a new one: "the lid doesn't close",
    but not "that doesn't work", or "not working".
    """
    said = reaction(prompt)
    if said is not Reaction.REJECTED:
        return said in (Reaction.REPEATED, Reaction.UNDONE)
    return bool(pattern("rejected").match(_THIS.sub("", _beginning(prompt))))


def reaction(prompt: str) -> Reaction:
    """What a prompt says of the work before it.

    `REPEATED` is a rejection that says that something is as it was before ("still broken").
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
    praises = "👍" in said or any(pattern("praise").match(clause) for clause in clauses)
    return Reaction.ACCEPTED if praises else Reaction.NOTHING


def _beginning(prompt: str) -> str:
    """How it begins, after words that say nothing."""
    told = _normal(prompt)
    while found := pattern("preamble").match(told):
        told = told[found.end() :].lstrip(_BETWEEN)
    return told


def _normal(prompt: str) -> str:
    return " ".join(prompt[:_FIRST].replace("\u2019", "'").split())
