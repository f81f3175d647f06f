"""Checks the Host and Origin headers of requests.

A page of another site can make a browser call a server on this machine, also under a name that its
DNS resolves to this machine (DNS rebinding). The browser reveals it in these headers.
"""

import re
from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"https?://(?P<authority>[^/?#@]+)")


class HostCheck:
    """ASGI middleware that refuses requests for another host, or from another origin.

    Accepted are `names` with any port, or none, and the further values `exact` of the Host header.
    `remedy` tells whoever uses another name what to do.
    """

    def __init__(
        self,
        application: ASGIApp,
        *,
        names: Collection[str] = (),
        exact: Collection[str] = (),
        remedy: str = "",
    ) -> None:
        self._application = application
        self._remedy = remedy
        self._names = {name.lower() for name in names}
        self._exact = {value.lower() for value in exact}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or answers it with 421 or 403."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
        elif not self._is_here(_values(scope, b"host"), required=True):
            text = "this server does not serve the host that the request names"
            await refuse(send, 421, text + self._remedy)
        elif not self._is_here(_origins(scope), required=False):
            await refuse(send, 403, "this server does not serve pages of that origin")
        else:
            await self._application(scope, receive, send)

    def _is_here(self, authorities: list[str], *, required: bool) -> bool:
        if len(authorities) != 1:
            return not authorities and not required
        authority = authorities[0].lower()
        parts = _AUTHORITY.fullmatch(authority)
        return authority in self._exact or (parts is not None and parts["name"] in self._names)


def is_authority(text: str) -> bool:
    """Whether a text can be the value of a Host header: a name, perhaps with a port."""
    return _AUTHORITY.fullmatch(text.lower()) is not None


async def refuse(send: Send, status: int, text: str, *headers: tuple[bytes, bytes]) -> None:
    """Answers a request with a status and one line of text."""
    sent = [(b"content-type", b"text/plain; charset=utf-8"), *headers]
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": f"{text}\n".encode()})


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for header, value in scope["headers"] if header == name]


def _origins(scope: Scope) -> list[str]:
    """Authorities of the Origin headers; an empty text for an invalid one."""
    found = [_ORIGIN.fullmatch(value.lower()) for value in _values(scope, b"origin")]
    return ["" if parts is None else parts["authority"] for parts in found]
