"""Finds all secrets in a text by merging the results of all searches."""

import re
from collections.abc import Iterator

from mcp_learning.models.characters import INVISIBLE
from mcp_learning.redaction.secrets.assignments import find_assignments
from mcp_learning.redaction.secrets.containers import find_in_containers
from mcp_learning.redaction.secrets.contexts import find_in_contexts
from mcp_learning.redaction.secrets.encoded import find_encoded, may_be_encoded
from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.private_keys import find_private_keys
from mcp_learning.redaction.secrets.tables import find_in_inserts, find_in_tables
from mcp_learning.redaction.secrets.tokens import find_tokens
from mcp_learning.redaction.secrets.types import Secret
from mcp_learning.redaction.secrets.values import may_continue

PLACEHOLDER = pattern(r"\[redacted:[a-z0-9-]+\]")

_INVISIBLE = pattern(f"[{INVISIBLE}]")
_SHORTEST_WORD = 12  # no token is shorter
_WIDE = 60  # least columns of a wrapped line
_LINE_BREAK = pattern(r"[\\=]?[\"'`]?[ \t]{0,8}[+\\.]?[ \t]{0,8}\r?\n[ \t>|+]{0,40}[\"'`]?")
_RUN = pattern(r"[\w+/=.~-]{4,4096}(?=[\s\"'`,;)]|\Z)", re.ASCII)


def find_secrets(text: str) -> list[Secret]:
    """All secrets, in order of position, without overlaps.

    Existing placeholders are skipped.
    """
    # Placeholders become line breaks, in which nothing matches and across which little does.
    plain = PLACEHOLDER.sub(lambda match: "\n" * len(match[0]), text)
    if plain.isascii() or not _INVISIBLE.search(plain):
        return _merged(_all(plain), plain)
    visible, origins = _visible(plain)
    return [
        Secret(origins[secret.start], origins[secret.end - 1] + 1, secret.kind)
        for secret in _merged(_all(visible), visible)
    ]


def _all(text: str, inside: bool = False) -> Iterator[Secret]:
    # Lower case, with ? for every character that isn't ASCII: positions stay the same.
    folded = text.encode("ascii", "replace").decode("ascii").lower()
    words = "\n".join(word for word in text.split() if len(word) >= _SHORTEST_WORD)
    words = words if words.isascii() else words.encode("ascii", "replace").decode("ascii")
    yield from find_private_keys(text)
    yield from find_tokens(text, words)
    yield from find_in_contexts(text, folded)
    yield from find_assignments(text, folded)
    yield from find_in_containers(text, folded)
    yield from find_in_tables(text)
    if "insert" in folded:
        yield from find_in_inserts(text)
    if not inside and may_be_encoded(words):
        yield from find_encoded(text, _holds_secret)


def _holds_secret(decoded: str) -> bool:
    return any(True for _ in _all(decoded, inside=True))


def _merged(found: Iterator[Secret], text: str) -> list[Secret]:
    merged: list[Secret] = []
    for secret in sorted(found, key=lambda secret: (secret.start, -secret.end)):
        if merged and secret.start < merged[-1].end:
            earlier = merged.pop()
            merged.append(earlier._replace(end=max(earlier.end, secret.end)))
        else:
            merged.append(secret)
    return _with_wrapped_rest(merged, text)


def _with_wrapped_rest(secrets: list[Secret], text: str) -> list[Secret]:
    """The secrets, extended by their continuation on the next line if they were wrapped."""
    extended = []
    for number, secret in enumerate(secrets):
        end = secret.end
        limit = secrets[number + 1].start if number + 1 < len(secrets) else len(text)
        while end - secret.start >= 20 and secret.kind != "private-key":
            gap = _LINE_BREAK.match(text, end, limit)
            run = _RUN.match(text, gap.end(), limit) if gap else None
            width = end - text.rfind("\n", secret.start - 200 if secret.start > 200 else 0, end)
            if run is None or not may_continue(run[0], 4 if width >= _WIDE else 12):
                break
            end = run.end()
        extended.append(secret._replace(end=end))
    return extended


def _visible(text: str) -> tuple[str, list[int]]:
    """The text without invisible characters, and the original position of each character."""
    pieces, origins, position = [], list[int](), 0
    for match in _INVISIBLE.finditer(text):
        pieces.append(text[position : match.start()])
        origins += range(position, match.start())
        position = match.end()
    pieces.append(text[position:])
    origins += range(position, len(text))
    return "".join(pieces), origins
