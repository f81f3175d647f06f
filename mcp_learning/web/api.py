"""The page's questions, each answered by one call on the learning service, as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mcp_learning.errors import InvalidInput, LearningError, NotFound
from mcp_learning.models.characters import visible
from mcp_learning.models.dashboard import About, ListExecutions, ListHistory, LookUp, View
from mcp_learning.models.requests import GetExecution
from mcp_learning.server import answers
from mcp_learning.server.schema import explain
from mcp_learning.service.protocol import Learning
from mcp_learning.web.calibration import Calibration

R = TypeVar("R", bound=BaseModel)
Answer = Callable[[Learning, Mapping[str, str]], Awaitable[BaseModel | Mapping[str, BaseModel]]]


def routes(
    service: Learning, answered: Callable[[], None], half_life_days: float, about: About
) -> list[BaseRoute]:
    """All addresses below /api; each is read with GET, and `answered` is called after it."""

    async def what(_: Learning, __: Mapping[str, str]) -> About:
        return about

    calibration = Calibration(half_life_days)

    def route(path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            asked = {**request.query_params, **request.path_params}
            try:
                return _json(await answer(service, asked))
            except LearningError as error:
                return JSONResponse({"error": visible(str(error))}, status_code=_status(error))
            finally:
                answered()

        return Route(path, endpoint, methods=["GET"])

    return [
        route("/about", what),
        route("/pulse", lambda s, _: s.pulse()),
        route("/overview", lambda s, q: s.overview(_asked(View, q))),
        route("/executions", lambda s, q: s.listing(_asked(ListExecutions, q))),
        route("/executions/{task_id}", lambda s, q: s.inspect(_asked(GetExecution, q))),
        route("/learned", lambda s, q: s.learned(_asked(View, q))),
        route("/look-up", _look_up),
        route("/calibration", lambda s, q: calibration.of(s, _asked(ListHistory, q).by)),
        route("/health", _health),
    ]


async def _health(service: Learning, _: Mapping[str, str]) -> Mapping[str, BaseModel]:
    return {"health": await service.health(), "telemetry": await service.telemetry()}


async def _look_up(service: Learning, query: Mapping[str, str]) -> Mapping[str, BaseModel]:
    """What an agent gets, its texts cut as for an agent, beside all that was found."""
    asked = _asked(LookUp, query)
    found = await service.look_up(asked)
    answer, _ = answers.similar(found.answer, asked)
    return {"found": found, "answer": answer}


def _asked(model: type[R], query: Mapping[str, str]) -> R:
    """A request from the query; an empty value is an absent one."""
    try:
        return model.model_validate({name: value for name, value in query.items() if value != ""})
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise InvalidInput(field, explain(error, model)) from None


def _json(answer: BaseModel | Mapping[str, BaseModel]) -> Response:
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
