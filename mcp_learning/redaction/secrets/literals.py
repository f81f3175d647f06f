"""Decides whether the value of a secret name is a literal secret.

Otherwise it is code, prose, a reference or a placeholder.
"""

import re
from typing import NamedTuple

from mcp_learning.redaction.secrets.names import Meaning, meaning_of, words_of
from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.values import (
    is_complex,
    is_hexadecimal,
    is_identifier,
    is_random,
    is_reference,
    is_sentence,
)

# An unquoted value that is code: a call, an index, an attribute, a pointer.
_CODE = pattern(
    r"[*&|(\[]|[A-Za-z_][\w.]*[(\[{]|.*\w[(\[].*[)\].,;]|[A-Za-z_]\w*(?:(?:\.|\?\.|->|::)[A-Za-z_]\w*)+\W*\Z"
)
_CALL = pattern(r"[A-Za-z_][\w.]*[(\[{]|[(\[]")
_TOKEN = pattern(r"(?:[\w-]{16,400}|[\w+/]{16,400}={1,2})", re.ASCII)
_NUMBERED = pattern(r"[A-Za-z]+(?:[_-][A-Za-z]+)*[_-]\d{3,8}", re.ASCII)  # teapot_2026
_PASS = pattern(r"(?=.*[^\W\d])[\w!@#$%^&*+=~.?/-]{6,60}", re.ASCII)


class Name(NamedTuple):
    """A secret name, and its position in the text."""

    text: str
    start: int
    end: int
    name: str
    meaning: Meaning

    @property
    def before(self) -> str:
        """The text before the name, as much of it as bindings need."""
        return self.text[max(0, self.start - 60) : self.start]

    @property
    def is_option(self) -> bool:
        """Whether it is a command-line option."""
        return self.name.startswith("-")


def is_secret(name: Name, match: re.Match[str], sure: bool = False) -> bool:
    """Whether the value is a literal; `sure`: its position admits no code except a call."""
    found = match.groupdict()
    if found.get("quoted") is not None:
        return _is_quoted_secret(name, found["quoted"])
    return _is_bare_secret(name, bare_value(match), sure)


def bare_value(match: re.Match[str]) -> str:
    """An unquoted value without punctuation after it or brackets around it."""
    value: str = match["bare"]
    for opening, closing in ("()", "[]", "{}"):
        first = value.find(closing)
        if first >= 0 and opening not in value[:first]:
            value = value[:first]
    return value.rstrip(".,;:?")


def _is_quoted_secret(name: Name, value: str) -> bool:
    if is_reference(value) or _repeats(name, value):
        return False
    if name.meaning.kind == "pwd" and re.search(r"[/\\]", value):
        return False  # a directory
    if name.meaning.sure == 1:
        return _is_long_and_random(name, value)
    if " " in value:
        words = len(value.split())
        accepted = (
            any(c.isdigit() for c in value) or words >= 3 or name.meaning.kind == "passphrase"
        )
        return name.meaning.sure == 3 and len(value) >= 8 and accepted and not is_sentence(value)
    if name.meaning.kind in ("token", "cookie"):
        return len(value) >= 8 and (is_complex(value) or is_random(value))
    if name.meaning.kind.endswith("key") and is_identifier(value) and re.search("[_-]", value):
        return False
    return len(value) >= 4


def _is_bare_secret(name: Name, value: str, sure: bool) -> bool:
    if is_reference(value) or _repeats(name, value) or (_CALL if sure else _CODE).match(value):
        return False
    if is_identifier(value) and meaning_of(value):
        return False
    if name.meaning.sure == 1:
        return _is_long_and_random(name, value)
    if value.replace("_", "").isdigit() and not (sure and name.meaning.sure == 3):
        return len(value) >= (6 if name.meaning.sure == 3 else 8)
    if name.meaning.kind == "pwd" and re.search(r"[/\\]", value):
        return False
    if " " in value:  # of an element
        return len(value) >= 8 and any(c.isdigit() for c in value) and not is_sentence(value)
    if sure:
        return len(value) >= 4
    if name.meaning.kind in ("token", "cookie"):
        least, is_numbered = 8, False
    else:
        least, is_numbered = 6, _NUMBERED.fullmatch(value) is not None
    is_long = is_random(value) and len(value) >= 16
    return len(value) >= least and (is_complex(value) or is_numbered or is_long)


def _repeats(name: Name, value: str) -> bool:
    called, repeated = words_of(name.name), words_of(value[:100])
    return called.endswith(repeated) or ("key" in called and called in repeated)


def _is_long_and_random(name: Name, value: str) -> bool:
    """The test for ambiguous names, which hashes and ids have, too."""
    if name.meaning.kind in ("pass", "clave"):
        return bool(_PASS.fullmatch(value)) and is_random(value)
    digits = sum(c.isdigit() for c in value)
    if digits < 3 or not _TOKEN.fullmatch(value) or not is_random(value):
        return False
    called = words_of(name.name)
    known = name.name.isupper() and "-" in called and not called.startswith(("git", "commit"))
    return known or not is_hexadecimal(value)
