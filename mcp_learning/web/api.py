"""The page's JSON API: each route is one call on the learning service."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import anyio.to_thread
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mcp_learning import __version__
from mcp_learning.errors import InvalidInput, LearningError, NotFound
from mcp_learning.models.characters import visible
from mcp_learning.models.dashboard import About, ListExecutions, ListHistory, LookUp, View
from mcp_learning.models.lessons import GetLesson, ListLessons
from mcp_learning.models.requests import GetExecution
from mcp_learning.server import matches
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings
from mcp_learning.web import corrections
from mcp_learning.web.calibration import Calibration
from mcp_learning.web.disk import disk
from mcp_learning.web.parsing import parse_request

Content = BaseModel | Mapping[str, BaseModel]
Answer = Callable[[Learning, Mapping[str, str]], Awaitable[Content]]
Handler = Callable[[Learning, Request], Awaitable[Content]]


def routes(service: Learning, settings: Settings, answered: Callable[[], None]) -> list[BaseRoute]:
    """All routes below /api; `answered` is called after each response."""
    calibration = Calibration(settings.evidence_half_life_days)
    what = About(database=_shown(settings.database_path), version=__version__)

    async def about(*_: object) -> About:
        return what

    async def health(service: Learning, _: Mapping[str, str]) -> Mapping[str, BaseModel]:
        return {
            "health": await service.health(),
            "telemetry": await service.telemetry(),
            "disk": await anyio.to_thread.run_sync(disk, settings),
        }

    def handled(path: str, method: str, handle: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return _json(await handle(service, request))
            except LearningError as error:
                return JSONResponse({"error": visible(str(error))}, status_code=_status(error))
            finally:
                answered()

        return Route(path, endpoint, methods=[method])

    def route(path: str, answer: Answer) -> Route:
        def read(service: Learning, request: Request) -> Awaitable[Content]:
            return answer(service, {**request.query_params, **request.path_params})

        return handled(path, "GET", read)

    return [
        route("/about", about),
        route("/pulse", lambda s, _: s.pulse()),
        route("/overview", lambda s, q: s.overview(parse_request(View, q))),
        route("/executions", lambda s, q: s.listing(parse_request(ListExecutions, q))),
        route("/executions/{task_id}", lambda s, q: s.inspect(parse_request(GetExecution, q))),
        handled("/executions/{task_id}", "PATCH", corrections.revise),
        handled("/executions/{task_id}", "DELETE", corrections.delete),
        route("/learned", lambda s, q: s.learned(parse_request(View, q))),
        route("/lessons", lambda s, q: s.list_lessons(parse_request(ListLessons, q))),
        route("/lessons/{lesson_id}", lambda s, q: s.get_lesson(parse_request(GetLesson, q))),
        handled("/lessons/{lesson_id}", "PATCH", corrections.decide),
        route("/look-up", _look_up),
        route("/calibration", lambda s, q: calibration.of(s, parse_request(ListHistory, q).by)),
        route("/health", health),
    ]


async def _look_up(service: Learning, query: Mapping[str, str]) -> Mapping[str, BaseModel]:
    """The answer as an agent gets it, with truncated texts, and all matches."""
    request = parse_request(LookUp, query)
    found = await service.look_up(request)
    answer, _ = matches.similar(found.answer, request)
    return {"found": found, "answer": answer}


def _shown(path: Path) -> str:
    """A path, abbreviated with `~`."""
    home = Path.home()
    return str(Path("~") / path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _json(answer: Content) -> Response:
    if isinstance(answer, BaseModel):
        body = answer.model_dump_json()
    else:
        parts = (f'"{name}":{value.model_dump_json()}' for name, value in answer.items())
        body = "{" + ",".join(parts) + "}"
    return Response(visible(body), media_type="application/json")


def _status(error: LearningError) -> int:
    if isinstance(error, InvalidInput):
        return 400
    return 404 if isinstance(error, NotFound) else 503
