"""Normal forms of texts: for storing them as labels, and for comparing them."""

import re
import unicodedata
from functools import lru_cache

from mcp_learning.models.characters import visible

_BETWEEN = re.compile(r"[\s\-_/.]+")


def composed(text: str) -> str:
    """The text in Unicode's normal form C, in which equal letters have equal code points."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def as_label(text: str) -> str:
    """A text as a label for grouping and filtering: labels that look the same are equal."""
    # Whether a character is invisible depends on its neighbours, so a second pass may find more.
    while (label := visible(composed(text)).strip()) != text:
        text = label
    return text


def folded(text: str) -> str:
    """The text for comparisons that ignore case, composition and invisible characters."""
    text = visible(composed(text))
    return text.lower() if text.isascii() else composed(text.casefold())


@lru_cache(maxsize=65_536)
def normalised(label: str) -> str:
    """The normalised form of a label, equal for all spellings of one option."""
    return _BETWEEN.sub(" ", folded(label)).strip() or label
