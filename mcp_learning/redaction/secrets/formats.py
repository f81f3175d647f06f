"""Documented token formats, recognised by a prefix or an infix; they are in `formats.tsv`.

A body is written in a short notation: a letter for an alphabet and the least number of characters,
such as ``A36``; with ``!`` after it the exact number. All other characters stand for themselves.
For a format without a prefix the body is ``*``, followed by an infix and a pattern.

=====  =======================================================
``A``  letters and digits
``U``  upper-case letters and digits
``L``  lower-case letters and digits
``H``  lower-case hexadecimal digits
``X``  hexadecimal digits
``D``  digits
``W``  letters, digits, ``_`` and ``-``
``P``  as ``W``, with the dots, ``=``, ``%`` and ``:`` between parts
``B``  base64, of either alphabet
=====  =======================================================
"""

import functools
import re
from pathlib import Path
from typing import NamedTuple

from mcp_learning.redaction.secrets.patterns import pattern

_ALPHABETS = {
    "A": "[A-Za-z0-9]",
    "U": "[A-Z0-9]",
    "L": "[a-z0-9]",
    "H": "[0-9a-f]",
    "X": "[0-9A-Fa-f]",
    "D": "[0-9]",
    "W": r"[\w-]",
    "P": r"[\w.=%:-]",
    "B": r"[\w+/=-]",
}
_UUID = "H8!-H4!-H4!-H4!-H12!"


class Format(NamedTuple):
    """A documented token format, found by a prefix or else by an infix.

    The pattern matches what follows the prefix or, without a prefix, the whole token. Where names
    in programs may have the same form, the match also has to look random.
    """

    kind: str
    prefix: str
    pattern: re.Pattern[str]
    looks_random: bool


@functools.cache
def _pattern(body: str) -> re.Pattern[str]:
    parts = []
    for letter, number, exact, other in re.findall(r"([AULHXDWPB])(\d+)(!?)|([^!])", body):
        if other:
            parts.append(re.escape(other))
        else:
            alphabet = _ALPHABETS[letter]
            last = f"(?!{alphabet})"
            parts.append(f"{alphabet}{{{number}}}{last}" if exact else f"{alphabet}{{{number},}}")
    return pattern("".join(parts), re.ASCII)


@functools.cache
def _table() -> list[list[str]]:
    text = Path(__file__).with_name("formats.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("# ")]


@functools.cache
def prefixed() -> tuple[Format, ...]:
    """The formats that start with a prefix."""
    known = (
        (kind, rest[0], _UUID if body == "UUID" else body) for _, kind, body, *rest in _table()
    )
    return tuple(
        Format(kind, prefix, _pattern(body), any(letter in body for letter in "AWPLB"))
        for kind, prefixes, body in known
        if body != "*"
        for prefix in prefixes.split()
    )


@functools.cache
def unprefixed() -> tuple[Format, ...]:
    """The formats that contain an infix."""
    rows = (row for row in _table() if len(row) == 5)
    return tuple(
        Format(kind, infix, pattern(source, re.ASCII), False) for _, kind, _, infix, source in rows
    )
