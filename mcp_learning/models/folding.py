"""Normal forms in which texts are stored as labels, and compared. Hooks use it, too."""

import unicodedata

from mcp_learning.models.characters import visible


def composed(text: str) -> str:
    """The text in Unicode's normal form C, in which equal letters have equal code points."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_label(text: str) -> str:
    """A text that executions are grouped and filtered by: two that look the same are the same."""
    # What is invisible depends on its neighbours, so that a second pass may find more.
    while (label := visible(composed(text)).strip()) != text:
        text = label
    return text


def folded(text: str) -> str:
    """The text without regard to case, composition and invisible characters, for comparisons."""
    text = visible(composed(text))
    return text.lower() if text.isascii() else composed(text.casefold())
