"""Formats stored text for people and language models: one line, shortened, without invisible text.

Imports little, since hooks use it while a person waits.
"""

from mcp_learning.models.characters import visible

CHARACTERS_PER_TOKEN = 3.5  # a cautious estimate: about 4 is usual for English text in JSON


def shorten(text: str, limit: int) -> str:
    """The visible `text` on one line, cut at a word to at most `limit` characters, `…` included."""
    line = visible(" ".join(text.split())).strip()
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return (cut.rpartition(" ")[0] if " " in cut[limit // 2 :] else cut) + "…"


def quoted(text: str, limit: int) -> str:
    """Stored text in quotation marks, with those inside replaced so that it can't end the quote."""
    return '"' + shorten(text, limit).replace('"', "'") + '"'
