"""What a client tells when the service of the model does not answer."""

import re

from mcp_learning.clients.transcripts.events import Trouble

_LIMIT = re.compile(
    r"(?:usage|rate|session|weekly|hour|opus|sonnet|spend\w*) limit|hit your (?:\w+ )?limit"
    r"|limit reached|out of (?:\w+ )?(?:usage|credits)|credit balance|quota|too many requests"
    r"|\b429\b|insufficient|billing|payment required",
    re.IGNORECASE,
)
_LOGIN = re.compile(
    r"/login\b|not logged in|log ?in again|invalid api key|api key|authenticat|unauthori[sz]ed"
    r"|token (?:has )?(?:expired|been revoked)|\b401\b|\b403\b",
    re.IGNORECASE,
)


def trouble(text: str) -> Trouble:
    """What kind of trouble a message tells of."""
    beginning = text[:500]
    if _LOGIN.search(beginning):
        return Trouble.LOGIN
    return Trouble.LIMIT if _LIMIT.search(beginning) else Trouble.ERROR
