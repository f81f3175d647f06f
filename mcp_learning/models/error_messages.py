r"""Normalises error messages, so that occurrences of the same error get the same text.

`normal_form` defines "the same failure", for pitfalls and for failure patterns. The store computes
it when it writes an execution. In this order:

1. One line is kept: the last one of a Python traceback, else the first that reports an error (with
   the next, if it ends in a colon), else the first.
2. Values are replaced: URLs, quoted text, UUIDs, hexadecimal numbers, paths, free-standing numbers.
   Digits that are part of a word stay: TS2304 and TS2345 are different errors.
3. White space becomes one space; `MAX_LENGTH` characters are kept, in Unicode's normal form C.
"""

import re
from functools import lru_cache

from mcp_learning.models.folding import composed

MAX_LENGTH = 200  # characters of a normal form

_LINE = 1_000  # characters examined of a single or first line, and of the end of a traceback
_HEAD = 4_000  # characters searched for a line that reports an error
_TRACEBACK = "Traceback (most recent call last)"
_REPORTS = (
    *("error", "err!", "exception", "panicked", "fatal", "fail", "denied", "refused"),
    *("cannot", "can't", "not found", "timed out"),
)
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_SPACES += "\u202f\u205f\u3000"
_EXTENSIONS = (
    "pyi?|ipynb|jsx?|tsx?|mjs|cjs|vue|java|kt|go|rs|rb|php|cc?|cpp|hp?p?|cs|swift|scala|sql|sh|"
    "json|ya?ml|toml|xml|html?|s?css|md|txt|log|csv|lock|cfg|ini|o|so|dll|exe|jar"
)

# A path or file name starts at the start of a run of these characters, or at a drive letter: trying
# every position of a long run, or backtracking, would take quadratic time.
_NAME = r"[\w.@+~-]"
_PATH = (
    rf"(?:\b[A-Za-z]:|(?<!{_NAME})){_NAME}*+(?:[/\\]{_NAME}++)++[/\\]?|"
    rf"(?<!{_NAME})([.@+~-]*+)\b{_NAME}*\w\.(?:{_EXTENSIONS})\b"
)
_VALUES = tuple(
    (re.compile(hint).search, re.compile(pattern, re.ASCII).sub, replacement)
    for hint, pattern, replacement in (
        ("://", r"\b\w++://[^ \t\n\f\r'\"<>)]+", "<url>"),
        ("['\"`]", r"(^|[ \t\n\f\r(\[{=:,])(?:'[^']*'|\"[^\"]*\"|`[^`']*[`'])", r"\1<value>"),
        ("-....-", r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<id>"),
        ("[0-9a-f]{8}|0[xX]", r"\b0[xX][0-9a-fA-F]+\b|\b[0-9a-f]{8,}\b", "<hex>"),
        (r"[/\\.]", _PATH, r"\1<path>"),
        ("[0-9]", r"\b\d+(?:[.,:_-]\d+)*", "<n>"),
        ("", r"^E[ \t\n\f\r]+|[ \t\n\f\r]{2,}|[\t\r\n]", " "),
    )
)
"""Replacements in order: a cheap precondition of a match (which halves the time), the pattern, and
the replacement."""


@lru_cache(4_096)  # imports and searches for similar tasks repeat the same messages
def normal_form(message: str) -> str:
    """The same text for messages of the same error: 0 to `MAX_LENGTH` characters.

    Takes time linear in the length of the message, whatever is in it.
    """
    text = composed(_telling_line(message))
    for may_match, replace, replacement in _VALUES:
        if may_match(text):
            text = replace(replacement, text)
    return text.strip(_SPACES)[:MAX_LENGTH]


def _telling_line(message: str) -> str:
    if "\n" not in message.strip(_SPACES):
        return message[:_LINE]
    head = message[:_HEAD]
    if _TRACEBACK in head:
        return message.rstrip(" \n\t\r")[-_LINE:].rpartition("\n")[2]
    folded = head.casefold()  # may be longer, but has the same lines
    reports = [at for word in _REPORTS if (at := folded.find(word)) >= 0]
    if reports:
        line, *following = head.split("\n")[folded.count("\n", 0, min(reports)) :][:2]
        goes_on = line.rstrip(" \t").endswith(":") and following and following[0]
        return f"{line}\n{following[0]}" if goes_on else line
    return message.lstrip(" \n\t\r")[:_LINE].partition("\n")[0]
