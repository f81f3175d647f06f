"""Rejects texts that may not be a lesson: later agents read it, so it must not instruct them.

The patterns match known forms of prompt injection; they can't match all. What passes is still shown
as quoted data, with its origin.
"""

import re
from collections.abc import Iterable

from mcp_learning.lessons.wording import jaccard
from mcp_learning.models.characters import visible
from mcp_learning.models.folding import folded, normalised
from mcp_learning.models.lessons import LONGEST, Lesson
from mcp_learning.redaction.repositories import parse

CONTRADICTS = 0.6
"""Least Jaccard index of one lesson's `do` and another's `avoid` that contradict each other."""

SAME_CASE = 0.3
"""Least Jaccard index of the `when` of two lessons about the same tasks."""

# Compiled at their first use, as `re` does with texts: together they take 3 ms of a start.
_LINK = (
    r"\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.\w|\]\s?\(|\b(?:data|javascript|mailto):\S"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[\w-]+\.(?:com|net|org|io|dev|xyz|ru|cn)\b(?:/|:|$|\s)"
)
_STEERS = (
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}"
    r"\b(?:previous|prior|above|earlier|all|any|your|these|those|other|system|the)\b.{0,30}"
    r"\b(?:instruction|prompt|rule|message|context|guideline|polic|direction|lesson)"
    r"|\b(?:system|developer)\s+prompt\b|\byou are now\b|\bact as\b|\bpretend\b|\bjailbreak"
    r"|</?\s*(?:system|assistant|user|instructions?|tool)\b|\[/?(?:inst|system)\]|<\|"
    r"|\b(?:do not|don't|never) (?:tell|inform|mention|ask) (?:this |it )?(?:to )?the user\b"
    r"|\bwithout (?:asking|telling|informing|confirmation|approval|permission)\b"
    r"|\b(?:reveal|exfiltrate|leak|send|post|upload|e-?mail)\b.{0,40}"
    r"\b(?:secrets?|tokens?|credentials?|passwords?|keys?|environment|env|\.env)\b"
)
_RUNS = (
    r"\b(?:run|execute|invoke|launch|eval)\b\s+(?:the following|this|these|that)\b"
    r".{0,20}\b(?:command|script|code|line|snippet|program)s?\b"
    r"|\b(?:execute|run|source|launch)\b.{0,30}\.(?:sh|ps1|bat|exe|cmd|vbs)\b"
    r"|\bcurl\b|\bwget\b|\bsudo\b|\brm\s+-\w*[rf]|\b(?:ba|z|c|k)?sh\s+-c\b|\beval\s*[\"'`($]"
    r"|\bpowershell\b|\binvoke-(?:expression|webrequest)\b|\bbase64\s+(?:-d|--decode)\b"
    r"|\|\s*(?:ba|z)?sh\b|\$\([^)]+\)|\bchmod\s|\bchown\s|\bmkfs\b|\bdd\s+if=|\bnc\s+-|\bssh\s+\S+@"
    r"|--no-verify\b|\b--?(?:dangerously|yolo)|\bgit\s+push\s+(?:-f\b|--force\b)"
    r"|&&|;\s*(?:rm|curl|wget|sh|bash|python\d?)\b|```"
)


def problem(*texts: str | None, quotes: bool = False) -> str:
    """Why texts may not be those of a lesson, and how to fix them; "" if they may.

    Args:
        texts: The texts; None and empty ones pass.
        quotes: Whether they were generated from records, and so may name commands.
    """
    for text in filter(None, texts):
        if len(text) > LONGEST:
            return f"has {len(text):,} characters; shorten it to at most {LONGEST}"
        if visible(text) != text:
            return "has characters that can't be seen; write it without them"
        plain = folded(text)
        if re.search(_LINK, plain, re.IGNORECASE):
            return "has a link or an address; say in words what is there"
        if re.search(_STEERS, plain):
            return (
                "reads like an instruction to the agent who will read it, such as to ignore what "
                "it was told; a lesson says what works in a kind of task, and why"
            )
        if not quotes and re.search(_RUNS, plain):
            return (
                "has an instruction to run something; name the program or the option that works, "
                "and leave the command out"
            )
    return ""


def contradiction(new: Lesson, stored: Iterable[Lesson]) -> Lesson | None:
    """The first lesson in use whose `avoid` matches the new one's `do`, or the other way round."""
    for old in stored:
        if old.lesson_id == new.lesson_id or old.status == "retired" or not overlaps(new, old):
            continue
        if jaccard(new.when, old.when) < SAME_CASE:
            continue
        if _opposed(new, old) or _opposed(old, new):
            return old
    return None


def overlaps(one: Lesson, other: Lesson) -> bool:
    """Whether both lessons may apply to the same task."""
    return same_type(one.task_type, other.task_type) and same_repository(one.repo, other.repo)


def same_type(one: str | None, other: str | None) -> bool:
    """Whether two spellings may name the same task type; None and "" match any."""
    return not one or not other or normalised(one) == normalised(other)


def same_repository(one: str | None, other: str | None) -> bool:
    """Whether two spellings may name the same repository; None and "" match any."""
    return not one or not other or one == other or parse(one).is_same(parse(other))


def _opposed(one: Lesson, other: Lesson) -> bool:
    """Whether the first says to do what the second says to avoid."""
    if not one.do:
        return False
    if other.avoid and jaccard(_said(one.do), _said(other.avoid)) >= CONTRADICTS:
        return True
    negated = re.fullmatch(r"(?:do not|don't|never|avoid)\s+(.+)", folded(other.do or "").strip())
    return bool(negated and jaccard(one.do, negated[1]) >= CONTRADICTS)


def _said(text: str) -> str:
    """The advice, without the figures after its colon."""
    return text.partition(": ")[0]
