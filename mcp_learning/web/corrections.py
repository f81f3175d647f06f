"""Handlers of the page's changes: revising and deleting an execution, deciding about a lesson.

They call the same methods of the learning service as the commands. A request has to name this
server as its origin, as browsers do for every request that isn't a plain read, and carry the token,
which no other page has; otherwise it raises an HTTPException.
"""

import json
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request

from mcp_learning.errors import InvalidInput, NotFound
from mcp_learning.models.corrections import ReviseExecution
from mcp_learning.models.lessons import ChangeLesson
from mcp_learning.models.requests import ForgetExecutions, GetExecution
from mcp_learning.service.protocol import Learning
from mcp_learning.web.parsing import parse_request

LONGEST = 2**17  # bytes of a correction; the longest texts take less, even fully escaped


async def revise(service: Learning, request: Request) -> BaseModel:
    """Corrects the fields that the body names; raises as `Learning.revise`."""
    return await service.revise(
        parse_request(ReviseExecution, {**await _body(request), **request.path_params})
    )


async def delete(service: Learning, request: Request) -> BaseModel:
    """Deletes one execution; the body has to contain `"confirmed": true`.

    Raises:
        InvalidInput: It wasn't confirmed.
        NotFound: No execution has this id.
    """
    content = await _body(request)
    task_id = parse_request(GetExecution, request.path_params).task_id
    if content.get("confirmed") is not True:
        raise InvalidInput("confirmed", "has to be true: what is deleted can't be brought back")
    done = await service.forget(ForgetExecutions(task_ids=[task_id], dry_run=False))
    if not done.executions:
        raise NotFound(task_id)
    return done


async def decide(service: Learning, request: Request) -> BaseModel:
    """Carries out a decision about a lesson; raises as `Learning.change_lesson`."""
    return await service.change_lesson(
        parse_request(ChangeLesson, {**await _body(request), **request.path_params})
    )


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object in the body; `HostCheck` has refused other origins than this server."""
    if "origin" not in request.headers:
        raise HTTPException(403, "a correction has to come from the dashboard's own page")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LONGEST:
            raise InvalidInput("body", f"a correction may have {LONGEST:,} bytes")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InvalidInput("body", "has to be a JSON object")
    return content
