"""Removes control characters from text that is stored, and invisible ones from text that is shown.

`clean` is for text that comes in, `visible` for text that people and agents read. Imports the
standard library only, since hooks use both.
"""

import json
import re
from functools import cache
from typing import Any

_SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*(?:[@-~]|\Z)"  # CSI: colours, the cursor
    r"|[\]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)"  # OSC and the like: titles, links
    r"|[!-/]+[0-~]|[0-?\[\]PX^_\\]"  # character sets, modes, and what is left of the others
    r")|\x9b[0-?]+[ -/]*[@-~]"  # CSI in eight bits
)
"""Terminal control sequences (ECMA-48, 5.4 and 5.6), except ESC and a letter, since most such
letters begin a word."""

_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # but for tabs and line ends
CONTROL = re.compile(f"[{_CONTROL}]")
SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Halves of a UTF-16 pair, which can't be encoded alone."""

_UNSTORABLE = re.compile(rf"[{_CONTROL}\ud800-\udfff]")

_IGNORABLE = (
    rf"{_CONTROL}\ud800-\udfff\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e"
    r"\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Control characters and Unicode's Default_Ignorable_Code_Point, except those in `_INVISIBLE`."""
_JOINED = r"\u0300-\u1fff\u2190-\ufe0f\U00010000-\U000dffff"
_INVISIBLE = (
    rf"[{_IGNORABLE}]"
    rf"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
    r"|(?<![\u2000-\u200a\u2010-\ufdff\U00010000-\U000dffff])[\ufe0e\ufe0f]"
)
"""Keeps a single joiner within an emoji or a word of a script that needs it, and a single variation
selector after an emoji or a character of such a script."""
INVISIBLE = rf"{_IGNORABLE}\u200c\u200d\ufe0e\ufe0f"
"""All characters that may be invisible, for use inside a character class."""


@cache  # compiling them takes 6 ms at every start, and most texts need neither
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of the characters that may be invisible, and of those that are in their context."""
    return re.compile(f"[{INVISIBLE}]"), re.compile(_INVISIBLE)


def clean(text: str) -> str:
    """A text that can be stored: without terminal control sequences and control characters.

    Tabs and line ends stay. Lone surrogates become U+FFFD. Takes linear time.
    """
    if (text.isascii() and text.isprintable()) or not _UNSTORABLE.search(text):
        return text
    return SURROGATE.sub("\ufffd", CONTROL.sub("", _SEQUENCE.sub("", text)))


def visible(text: str) -> str:
    """A text without invisible characters and without those that reverse its direction."""
    if text.isascii():
        return text if text.isprintable() else CONTROL.sub("", text)
    suspect, invisible = _patterns()
    return invisible.sub("", text) if suspect.search(text) else text


def visible_values(value: Any) -> Any:
    """A JSON value with all its texts, including the names in objects, made `visible`."""
    kind = type(value)  # faster than isinstance: this runs on every value of an answer
    if kind is str:
        return value if value.isascii() and value.isprintable() else visible(value)
    if kind is dict:
        return {
            name if name.isascii() and name.isprintable() else visible(name): visible_values(part)
            for name, part in value.items()
        }
    return [visible_values(part) for part in value] if kind is list else value


def escaped(line: str) -> str:
    """The same JSON value with every character that may be invisible written as an escape."""
    return _patterns()[0].sub(lambda found: json.dumps(found[0])[1:-1], line)
