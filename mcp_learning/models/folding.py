"""Normal forms in which texts are stored as labels, and compared. Hooks use it, too."""

import unicodedata

from mcp_learning.models.characters import visible


def composed(text: str) -> str:
    """The text in Unicode's normal form C, in which equal letters have equal code points."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_label(text: str) -> str:
    """A text that executions are grouped and filtered by: two that look the same are the same."""
    return composed(visible(text).strip())


def folded(text: str) -> str:
    """The text without regard to case, composition and invisible characters, for comparisons."""
    text = visible(text)
    return text.lower() if text.isascii() else composed(composed(text).casefold())
