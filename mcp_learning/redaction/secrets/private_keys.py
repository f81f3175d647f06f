"""Finds private keys in PEM, OpenSSH, PGP and PuTTY format, also without header or footer.

The separators between the lines are those of logs, diffs, quoted mail, numbered and escaped
listings.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator

from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import Secret

_LONGEST = 20_000  # characters of one key

_HEADER = pattern(
    r"-{4,5} ?BEGIN (?:[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1) ?-{4,5}|"
    r"Private-Lines: \d{1,4}",
    re.ASCII,
)
_FOOTER = pattern(
    r"-{4,5} ?END (?:[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?|OpenVPN Static key V1) ?-{4,5}", re.ASCII
)
_BREAK = r"(?:\s|\\++[nrt]?|[\"'>|+,]|\d{1,6}[\t|:→])"
_FIELD = r"[A-Z][\w-]{2,20}: [^\n\\]{0,200}"
_BODY = pattern(
    rf"(?:{_BREAK}{{0,60}}{_FIELD}){{0,8}}(?:{_BREAK}*+[\w+/=]{{16,}}+)++"
    rf"(?:{_BREAK}*+[\w+/=]++(?:(?<==)|(?=\s*\Z)))?",
    re.ASCII,
)
_BODY_BACKWARDS = pattern(
    r"(?:(?:\s|[nrt]?\\|[\"'>|+,])*+[\w+/=]{1,200}+)?(?:(?:\s|[nrt]?\\|[\"'>|+,])*+[\w+/=]{16,}+)++",
    re.ASCII,
)
_BASE64 = pattern(r"[A-Za-z0-9+/]{16}")


def find_private_keys(text: str) -> Iterator[Secret]:
    """The private keys of a text, from header to footer, or as far as base64 reaches."""
    if not any(marker in text for marker in ("PRIVATE", "Private-Lines", "Static key")):
        return
    headers = [match.span() for match in _HEADER.finditer(text)]
    footers = [match.span() for match in _FOOTER.finditer(text)]
    covered, next_footer = 0, 0
    for number, (start, body) in enumerate(headers):
        limit = headers[number + 1][0] if number + 1 < len(headers) else len(text)
        limit = min(limit, body + _LONGEST)
        while next_footer < len(footers) and footers[next_footer][0] < body:
            next_footer += 1
        footer = footers[next_footer] if next_footer < len(footers) else (limit, limit + 1)
        if footer[1] <= limit and _BASE64.search(text, body, footer[0]):
            covered = footer[1]
        elif match := _BODY.match(text, body, limit):
            covered = match.end()
        else:
            continue
        yield Secret(start, covered, "private-key")
    yield from _without_header(text, footers, headers)


def _without_header(
    text: str, footers: list[tuple[int, int]], headers: list[tuple[int, int]]
) -> Iterator[Secret]:
    """Keys without their beginning."""
    bounds = sorted([end for _, end in headers] + [end for _, end in footers])
    for start, end in footers:
        earlier = bisect_right(bounds, start)
        first = max(bounds[earlier - 1] if earlier else 0, start - _LONGEST)
        if match := _BODY_BACKWARDS.match(text[first:start][::-1]):
            yield Secret(start - match.end(), end, "private-key")
