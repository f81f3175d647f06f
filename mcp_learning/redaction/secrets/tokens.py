"""Finds tokens of documented formats in any context."""

import functools
import re
from collections.abc import Iterator

from mcp_learning.redaction.secrets.formats import Format, prefixed, unprefixed
from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import Secret
from mcp_learning.redaction.secrets.values import is_random

_LONGEST_BODY = 2_048  # characters examined after a prefix, so that many prefixes stay linear
_MOST_LINES = 16  # that a wrapped token may span

_JWT = pattern(r"eyJ[\w-]{8,500}\.(?:eyJ[\w-]{8,}+|[\w-]*+\.[\w-]++)(?:\.[\w-]++)*", re.ASCII)
# Immediately before a word: the end of an escape, a colour or a %XX.
_ESCAPE = pattern(r"(?:\\[abefnrtv]|\\x[\da-fA-F]{2}|\\u00[\da-fA-F]{2}|[\[;]\d{1,2}m|"
    r"%[\da-fA-F]{2})\Z")  # fmt: skip
_TAIL = pattern(r"[\w-]*", re.ASCII)
_RUN = pattern(r"[\w.+/~%:-]*", re.ASCII)
_WRAP = pattern(
    r"[\\=]?[\"'`]?[ \t]{0,8}[+\\.]?[ \t]{0,8}(?:\r?\n|\\r\\n|\\n)[ \t>|#*+]{0,40}[\"'`]?"
)


def find_tokens(text: str, words: str) -> Iterator[Secret]:
    """The tokens of all documented formats in a text; some may overlap.

    Only `words`, the long words of the text, are searched for prefixes.
    """
    formats, with_head, always = _by_head()
    present = with_head.keys() & {words[i : i + 3] for i in range(len(words) - 2)}
    for group in sorted((*always, *(with_head[head] for head in present))):
        for known in formats[group]:
            if known.prefix in words:
                yield from _with_prefix(text, known)
    for known in unprefixed():
        if known.prefix in words and known.pattern.search(words):
            for match in known.pattern.finditer(text):
                yield Secret(match.start(), _end_of_word(text, match.end()), known.kind)
    if "eyJ" in words:
        for match in _JWT.finditer(text):
            yield Secret(*match.span(), "jwt")


@functools.cache
def _by_head() -> tuple[list[list[Format]], dict[str, int], list[int]]:
    """The formats in groups by their head, the first three characters of the prefix.

    Returns:
        The groups, their numbers by head, and the numbers of those with a shorter head.
    """
    groups: dict[str, list[Format]] = {}
    for known in prefixed():
        groups.setdefault(known.prefix[:3], []).append(known)
    numbers = {head: number for number, head in enumerate(groups)}
    short = [number for head, number in numbers.items() if len(head) < 3]
    return list(groups.values()), numbers, short


def _with_prefix(text: str, known: Format) -> Iterator[Secret]:
    start = text.find(known.prefix)
    while start >= 0:
        body = start + len(known.prefix)
        end = _end_of_body(text, body, known) if _starts_word(text, start) else None
        if end is not None:
            yield Secret(start, end, known.kind)
        start = text.find(known.prefix, end or body)


def _end_of_body(text: str, start: int, known: Format) -> int | None:
    match = known.pattern.match(text, start, start + _LONGEST_BODY)
    if match:
        random = not known.looks_random or is_random(match[0])
        return _end_of_word(text, match.end()) if random else None
    joined, position = "", start  # the token may be wrapped
    for _ in range(_MOST_LINES):
        run = _RUN.match(text, position, position + _LONGEST_BODY)
        wrap = run and _WRAP.match(text, run.end())
        joined += run[0] if run else ""
        if run and joined != run[0] and known.pattern.match(joined):
            return run.end() if is_random(joined) else None
        if not wrap or wrap.end() == position:
            return None
        position = wrap.end()
    return None


def _end_of_word(text: str, position: int) -> int:
    """The end of the word: the format may have got longer, and no part of a secret may remain."""
    tail = _TAIL.match(text, position)
    return tail.end() if tail else position


def _starts_word(text: str, start: int) -> bool:
    before = text[max(0, start - 6) : start]
    last = before[-1:]
    if last == "+":  # inside of base64
        return False
    return not (last.isascii() and last.isalnum()) or bool(_ESCAPE.search(before))
