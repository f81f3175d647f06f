"""The dashboard as an ASGI application."""

from collections.abc import Callable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, request_response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Lifespan, Scope

from mcp_learning.errors import LearningError
from mcp_learning.models.dashboard import View
from mcp_learning.server.host_check import HostCheck
from mcp_learning.server.http import LOOPBACK_NAMES, BearerAuth
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings
from mcp_learning.web import api
from mcp_learning.web.security_headers import SecurityHeaders

STATIC = Path(__file__).parent / "static"

_FRESH = {"Cache-Control": "no-cache"}  # revalidate each time, usually with a 304


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_FRESH)
        return response


def application(
    service: Learning,
    settings: Settings,
    *,
    digest: str,
    port: int,
    answered: Callable[[], None] = lambda: None,
    lifespan: Lifespan[Starlette] | None = None,
) -> ASGIApp:
    """The application. The page needs no token; its data does.

    `digest` is the SHA-256 of the token, in hexadecimal digits; `port`, on which it is served, is
    for checking the Host header. `answered` is called after each response with data; `lifespan`
    runs the service.
    """

    async def index(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=_FRESH)

    async def metrics(_: Request) -> Response:
        from mcp_learning.web.metrics import MEDIA_TYPE, page

        try:
            numbers = (await service.health(), await service.telemetry())
            text = page(*numbers, await service.overview(View()))
        except LearningError as error:
            return PlainTextResponse(f"{error}\n", status_code=503)
        return Response(text, media_type=MEDIA_TYPE)

    questions = api.routes(service, settings, answered)
    data = Starlette(routes=questions, exception_handlers={HTTPException: _refused})
    pages = Starlette(
        routes=[
            Route("/", index, methods=["GET"]),
            Route("/favicon.ico", _no_icon, methods=["GET"]),
            Mount("/api", BearerAuth(data, digest)),
            Route("/metrics", BearerAuth(request_response(metrics), digest), methods=["GET"]),
            Mount("/static", _Files(directory=STATIC)),
        ],
        lifespan=lifespan,
    )
    return SecurityHeaders(HostCheck(pages, exact=[f"{name}:{port}" for name in LOOPBACK_NAMES]))


async def _no_icon(_: Request) -> Response:
    return Response(status_code=204)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", status_code=error.status_code)
