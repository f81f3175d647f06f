"""Spans that the writer marked as private are never kept."""

import re

PLACEHOLDER = "[redacted:private]"

_TAG = re.compile(
    r"(?:<|&lt;)[ \t]{0,3}(?P<close>/[ \t]{0,3})?private(?:\s[^<>]{0,200})?(?:>|&gt;)",
    re.ASCII | re.IGNORECASE,
)


def without_private(text: str) -> tuple[str, int]:
    """Cuts out every `<private>…</private>` span.

    Spans may be nested. One that isn't closed reaches to the end of the text: what follows an
    opening tag is kept only when it is sure to be outside.

    Returns:
        The text with `[redacted:private]` in place of each outermost span, and how many there were.
    """
    pieces: list[str] = []
    position = depth = spans = 0
    for tag in _TAG.finditer(text):
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
