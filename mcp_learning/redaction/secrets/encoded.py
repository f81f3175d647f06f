"""Finds secrets in base64: service accounts, kubeconfigs, docker logins, wrapped keys."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator

from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import Secret

_RUN = pattern(
    r"(?<![\w+/=-])(?:[A-Za-z0-9+/]{40,}+|[\w-]{40,}+)"
    r"(?:\r?\n[ \t]{0,20}[A-Za-z0-9+/]{16,})*+={0,2}",
    re.ASCII,
)
_LONG = pattern(r"[\w+/=-]{40}", re.ASCII)
_PRINTABLE = pattern(r"[\t\n\r -~]*")


def may_be_encoded(words: str) -> bool:
    """Whether one of the words is long enough to be decoded."""
    return bool(_LONG.search(words))


def find_encoded(text: str, holds_secret: Callable[[str], bool]) -> Iterator[Secret]:
    """The runs of base64 whose decoded text contains a secret."""
    for match in _RUN.finditer(text):
        decoded = _decoded(match[0])
        if decoded and holds_secret(decoded):
            yield Secret(*match.span(), "encoded-secret")


def _decoded(run: str) -> str | None:
    compact = re.sub(r"\s", "", run).rstrip("=").replace("-", "+").replace("_", "/")
    compact = compact[: len(compact) // 4 * 4]  # the text may have been cut
    try:
        text = base64.b64decode(compact, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    printable = _PRINTABLE.match(text)
    return text if printable and printable.end() >= len(text) - 1 else None
