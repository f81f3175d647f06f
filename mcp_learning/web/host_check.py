"""What every answer carries, and which requests get one.

A page of another site can make a browser call this server, also under a name that it made to point
here: so Host and Origin have to be this machine's. It can't read the token, which lives in the
address that the command prints (behind `#`, so that browsers send it nowhere) and then in the
tab's own storage. Nothing here loads or sends anything elsewhere; the policy makes the browser
refuse it, too, and inline script and style besides.
"""

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcp_learning.server.http import LOOPBACK_NAMES

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class HostCheck:
    """Refuses requests that name another host or come from another origin. Wraps an application.

    Args:
        application: What is guarded.
        port: Where it is served.
    """

    def __init__(self, application: ASGIApp, port: int) -> None:
        names = [f"{name}:{port}" for name in LOOPBACK_NAMES]
        self._application = application
        self._check = TransportSecurityMiddleware(
            TransportSecuritySettings(
                allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
            )
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it; either way with `HEADERS`."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = await self._check.validate_request(Request(scope))
        await (refused or self._application)(scope, receive, with_headers)
