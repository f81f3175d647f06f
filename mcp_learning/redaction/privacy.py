"""Removes spans that the writer marked as private: `<private>…</private>`."""

import re
from functools import cache

PLACEHOLDER = "[redacted:private]"

# A literal bracket, an entity, an escape in a string or a URL, or a full-width bracket.
_OPEN = (
    r"(?:[<\uff1c\ufe64\u2039\u3008]|&(?:amp;){0,3}(?:lt|\#0{0,6}60|\#x0{0,6}3c);|"
    r"\\{1,8}(?:u00|x)3c|%3c)"
)
_CLOSE = (
    r"(?:[>\uff1e\ufe65\u203a\u3009]|&(?:amp;){0,3}(?:gt|\#0{0,6}62|\#x0{0,6}3e);|"
    r"\\{1,8}(?:u00|x)3e|%3e)"
)
_UNSEEN = r"[^\x00-\x7f]{0,20}"  # for invisible characters, whose class takes long to compile
_NAME = "".join(f"[{c}{chr(ord(c) + 0xFEE0)}]{_UNSEEN}" for c in "private")
_BLANK = r"(?:\s|[^\x00-\x7f]){0,20}"


@cache  # compiling it takes 2 ms at every start, and few texts need it
def _tag() -> re.Pattern[str]:
    return re.compile(
        rf"{_OPEN}{_BLANK}(?P<close>[/\uff0f]{_BLANK})?{_NAME}(?:\s(?:"
        rf"(?:(?!{_OPEN}|{_CLOSE})[\s\S])*+|"  # stops at any bracket, so that many tags stay linear
        r"(?:\s{0,20}[\w:-]{1,50}=(?:\"[^\"]{0,500}\"|'[^']{0,500}')){1,4}\s{0,20}/?"
        rf"))?{_CLOSE}",
        re.IGNORECASE,
    )


def without_private(text: str) -> tuple[str, int]:
    """Removes every `<private>…</private>` span.

    The brackets may be entities, escaped or full-width; attributes, case and invisible characters
    make no difference. Spans may be nested. One that isn't closed extends to the end of the text.

    Returns:
        The text with `[redacted:private]` in place of each outermost span, and how many there were.
    """
    if text.isascii() and "private" not in text.lower():
        return text, 0
    pieces: list[str] = []
    position = depth = spans = 0
    for tag in _tag().finditer(text):
        if tag["close"]:
            if depth == 1:
                position = tag.end()
            depth = max(0, depth - 1)
        else:
            if depth == 0:
                pieces += [text[position : tag.start()], PLACEHOLDER]
                spans += 1
            depth += 1
    if not spans:
        return text, 0
    return "".join(pieces) + (text[position:] if depth == 0 else ""), spans
