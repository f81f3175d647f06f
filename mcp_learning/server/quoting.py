"""Stored text in what a language model reads: on one line, short, between quotation marks.

Imports nothing: hooks use it, too, and run while a person waits.
"""

CHARACTERS_PER_TOKEN = 3.5
"""Cautious for English text in JSON, where four is usual."""


def shorten(text: str, limit: int) -> str:
    """`text` on one line, cut to at most `limit` characters at a word, with an ellipsis."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return (cut.rpartition(" ")[0] if " " in cut[limit // 2 :] else cut) + "…"


def quoted(text: str, limit: int) -> str:
    """Stored text between quotation marks, which it can't close by itself."""
    return '"' + shorten(text, limit).replace('"', "'") + '"'
